import type { Command, Commands, Option } from './command.ts';

/** Makes a shell's completion script from the table of commands. */
export type Script = (commands: Commands) => string;

const HELP: Option = { type: 'boolean', short: 'h', about: 'describe the command' };
/**
 * A line of sh that prints the names of this user's running nodes, found as `core/node-dirs` finds them. Only names that
 * a node can have: bash expands the words that it is given, and others may write below /tmp.
 */
const NODES = String.raw`base="${'$'}{XDG_RUNTIME_DIR:+$XDG_RUNTIME_DIR/vigia}"; ls -d "${'$'}{base:-/tmp/vigia-$(id -u)}"/*/control.sock 2>/dev/null | sed -n "s,^.*/\([a-z0-9][a-z0-9_-]*\)/control\.sock$,\1,p"`;

/** A script for bash 4 and newer; works with and without the package bash-completion. */
export function bashScript(commands: Commands): string {
  const names = Object.keys(commands).join(' ');
  const cases = Object.entries(commands).map(([name, command]) => bashCase(name, command));
  return `# bash completion of vigia. Made by \`vigia completion bash\`.
_vigia_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$word")
}
_vigia_files() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
_vigia_nodes() {
  _vigia_words "$(command sh -c ${quoted(NODES)})"
}
_vigia() {
  local word=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]} n=0 i
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    _vigia_words '${names} help --help --version'
    return
  fi
  for ((i = 2; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${withValues(commands).join('|')}) ((i += 1)) ;;
      -*) ;;
      *) ((n += 1)) ;;
    esac
  done
  case \${COMP_WORDS[1]} in
    help) _vigia_words '${names}' ;;
${cases.join('')}  esac
}
complete -F _vigia vigia
`;
}

/** Every option that takes a value, of any command. */
function withValues(commands: Commands): string[] {
  const options = Object.values(commands).flatMap((command) => optionsOf(command));
  const names = options.flatMap(([name, option]) => (option.type === 'string' ? spellings(name, option) : []));
  return [...new Set(names)];
}

function bashCase(name: string, command: Command): string {
  const options = optionsOf(command);
  const values = options.flatMap(([option, is]) =>
    is.type === 'string' ? [`  ${spellings(option, is).join('|')}) ${bashValue(is.value)}; return ;;`] : [],
  );
  const places = (command.arguments ?? []).map((value, place) => `  ${place}) ${bashValue(value)} ;;`);
  const inner = [
    ...(values.length > 0 ? ['case $before in', ...values, 'esac'] : []),
    `if [[ $word == -* ]]; then _vigia_words '${options.map(([option]) => `--${option}`).join(' ')}'; return; fi`,
    ...(places.length > 0 ? ['case $n in', ...places, 'esac'] : []),
  ];
  return `    ${name})\n${inner.map((line) => `      ${line}\n`).join('')}      ;;\n`;
}

function bashValue(value: Option['value'] | 'text'): string {
  if (value === 'file') return '_vigia_files';
  if (value === 'node') return '_vigia_nodes';
  return typeof value === 'object' ? `_vigia_words '${value.join(' ')}'` : ':';
}

/** A script for zsh 5. */
export function zshScript(commands: Commands): string {
  const list = Object.entries(commands).map(([name, { about }]) => `    ${quoted(`${colons(name)}:${about}`)}\n`);
  const cases = Object.entries(commands).map(([name, command]) => zshCase(name, command));
  return `#compdef vigia
# zsh completion of vigia. Made by \`vigia completion zsh\`.
_vigia_nodes() {
  local -a nodes
  nodes=(\${(f)"$(command sh -c ${quoted(NODES)})"})
  compadd -a nodes
}
_vigia() {
  local -a commands
  commands=(
${list.join('')}    'help:describe a command'
  )
  if (( CURRENT == 2 )); then
    _describe -t commands 'command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT -= 1 ))
  case $command in
    help) _describe -t commands 'command' commands ;;
${cases.join('')}  esac
}
if [ "$funcstack[1]" = _vigia ]; then _vigia "$@"; else compdef _vigia vigia; fi
`;
}

function zshCase(name: string, command: Command): string {
  const specs = [...optionsOf(command).flatMap(([option, is]) => zshOption(option, is)), ...zshPlaces(command)];
  return `    ${name})\n      _arguments -s ${specs.map((spec) => `\\\n        ${quoted(spec)}`).join(' ')}\n      ;;\n`;
}

function zshOption(name: string, option: Option): string[] {
  const { type, about, value } = option;
  const says = `[${brackets(about ?? name)}]`;
  const takes = type === 'string' ? `:${colons(name)}:${zshValue(value)}` : '';
  return spellings(name, option).map((spelling) => `${spelling}${says}${takes}`);
}

function zshPlaces(command: Command): string[] {
  return (command.arguments ?? []).map((value, place) => `${place + 1}:argument:${zshValue(value)}`);
}

function zshValue(value: Option['value'] | 'text'): string {
  if (value === 'file') return '_files';
  if (value === 'node') return '_vigia_nodes';
  return typeof value === 'object' ? `(${value.join(' ')})` : ' ';
}

/** A script for fish 3. */
export function fishScript(commands: Commands): string {
  const names = Object.keys(commands);
  const lines = Object.entries(commands).flatMap(([name, command]) => fishCommand(name, command));
  return `# fish completion of vigia. Made by \`vigia completion fish\`.
function __vigia_nodes
  command sh -c ${fishQuoted(NODES)}
end
function __vigia_place
  set -l words (commandline -opc | string match -v -- '-*')
  test (count $words) -eq $argv[1]
end
complete -c vigia -f
complete -c vigia -n __fish_use_subcommand -f -a help -d 'describe a command'
complete -c vigia -n '__fish_seen_subcommand_from help' -f -a '${names.join(' ')}'
${lines.join('\n')}
`;
}

function fishCommand(name: string, command: Command): string[] {
  return [
    `complete -c vigia -n __fish_use_subcommand -f -a ${name} -d ${fishQuoted(command.about)}`,
    ...optionsOf(command).map(([option, is]) => fishOption(name, option, is)),
    ...(command.arguments ?? []).flatMap((value, place) => fishPlace(name, value, place)),
  ];
}

function fishOption(command: string, name: string, { type, short, about, value }: Option): string {
  const words = [
    `complete -c vigia -n '__fish_seen_subcommand_from ${command}' -l ${name}`,
    ...(short ? [`-s ${short}`] : []),
    ...(type === 'string' ? [value === 'file' ? '-r -F' : '-x', ...fishValue(value)] : []),
    ...(about ? [`-d ${fishQuoted(about)}`] : []),
  ];
  return words.join(' ');
}

function fishPlace(command: string, value: 'file' | 'text' | readonly string[], place: number): string[] {
  if (value === 'text') return [];
  const when = `-n '__fish_seen_subcommand_from ${command}; and __vigia_place ${place + 2}'`;
  return [`complete -c vigia ${when} ${value === 'file' ? '-F' : fishValue(value).join(' ')}`];
}

function fishValue(value: Option['value']): string[] {
  if (value === 'node') return ["-a '(__vigia_nodes)'"];
  return typeof value === 'object' ? [`-a '${value.join(' ')}'`] : [];
}

function optionsOf(command: Command): (readonly [string, Option])[] {
  return [...Object.entries(command.options), ['help', HELP]];
}

/** `--config`, `-c`. */
function spellings(name: string, { short }: Option): string[] {
  return short === undefined ? [`--${name}`] : [`--${name}`, `-${short}`];
}

/** A word of a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function colons(text: string): string {
  return text.replaceAll(':', '\\:');
}

function brackets(text: string): string {
  return text.replaceAll(/[[\]:]/g, '\\$&');
}
