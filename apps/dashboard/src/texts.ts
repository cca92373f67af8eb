// All words of the page. Sentences have placeholders and are never put together from pieces.
import type { Alarm } from './alarms.ts';
import type { Reason, Verdict } from './ward.ts';

const EN = {
  'nav.aria': 'Main',
  'nav.wall': 'Wall',
  'page.title': '{node} · vigia',
  'page.alarm': '({n}) {what} in {room} · vigia {node}',
  'page.alarm.old': '{what} in {room}, {who} is going · vigia {node}',
  'page.lost': 'Connection lost · vigia',
  'beat.title': 'Newest message from this node',
  'theme.aria': 'Dark or light',
  'help.aria': 'How to read the wall',
  'help.title': 'How to read the wall',
  'help.keys': 'Keys',
  'help.n': 'numbers',
  'help.a': 'I am going',
  'help.q': 'this explanation',
  'help.enter': 'open the chosen camera',
  'help.esc': 'close, back to the wall',
  close: 'Close',
  logout: 'Log out',
  'wall.title': 'Wall',
  'wall.numbers': 'Numbers',
  'wall.asking': 'Asking the node, {s}',
  'wall.empty': 'No cameras yet',
  'wall.emptyd': 'This node watches nothing yet. Cameras are added in its configuration file.',
  'cam.back': 'Wall',
  'cam.asking': 'Asking the node for this view',
  'cam.unknown': 'This node has no camera {room}.',
  'cam.failed': 'This view could not be loaded. The node may have been updated: load the page again.',
  'cam.reload': 'Load again',
  'cam.watching': 'Watching',
  'cam.slow': 'Watching, but slowly',
  'cam.pending': 'Waiting for an answer',
  'cam.alt': 'Live video of {room}',
  'cam.video': 'Video {s} behind',
  'cam.noage': 'Video, age not known',
  'cam.picture': 'Picture {s} old',
  'cam.modes': 'What is shown',
  'cam.smooth': 'Smooth video',
  'cam.saw': 'What vigia saw',
  'cam.smoothd': 'Moving video has no boxes: an answer arrives after its picture.',
  'cam.sawd': 'The analysed pictures, a few a second, each with the boxes of its own answer.',
  'c.title': 'Consumers',
  'c.name': 'Consumer',
  'c.sla': 'Class',
  'c.state': 'State',
  'c.age': 'Newest answer',
  'l.asking': 'Asking the node for live video',
  'l.connecting': 'Connecting the live video',
  'l.next': 'Next try in {s}.',
  'l.old': 'The live video stands still. This picture is newer.',
  'l.camera_away': 'No live video: the camera sends none now.',
  'l.busy': 'No live video: too many people watch this node.',
  'l.no_live': 'No live video: the node does not offer it now.',
  'l.login': 'No live video: the node wants a login.',
  'l.no_answer': 'No live video: the node did not answer.',
  'l.no_picture': 'No live video: no picture arrived.',
  'l.no_times': 'No live video: its pictures came without their times.',
  'l.lost': 'No live video: its connection broke.',
  'l.error': 'No live video: the node did not start it. {why}',
  'l.privacy': 'No live video: this camera has privacy zones, and live video would show them.',
  'l.codec': 'No live video: this browser cannot play it. {why}',
  'l.forbidden': 'No live video: this user may not see it.',
  'l.not_found': 'No live video: the node has none of this camera.',
  'l.browser': 'No live video: this browser cannot play it, or not say how old it is.',
  'grp.trouble': 'Not seen properly',
  'grp.watching': 'Watching',
  'grp.off': 'Not watched',
  'grp.offnote': 'Nobody is told what happens here',
  'w.cannot': 'Cannot look',
  'w.nowatch': 'not watched now',
  'w.old': 'Picture is old',
  'w.oldshort': 'Old',
  'w.from': 'from {t}',
  'w.nopic': 'No picture',
  'w.since': 'since {t}',
  'w.sincebefore': 'since before {t}',
  'w.off': 'Not watched',
  'w.isoff': 'Off',
  'w.video': 'video only',
  'w.notwatched': 'not watched',
  'w.longer': 'over {s}',
  'w.least': '≥ {s}',
  'w.leastd': 'The camera reports no time: this picture is at least so old',
  'v.nobody': 'Nobody',
  'v.person': '1 person',
  'v.people': '{n} people',
  'v.things': '{n} × {name}',
  'v.cannot': 'not known now',
  'v.pending': 'waiting for an answer',
  'v.bed.in': 'In bed',
  'v.bed.sitting': 'Sits up in bed',
  'v.bed.edge': 'Edge of bed',
  'r.camera.connecting': 'Connecting to the camera',
  'r.camera.stalled': 'Camera is silent',
  'r.camera.waiting': 'Camera is away',
  'r.camera.stopped': 'Camera is switched off',
  'r.code.dns': 'The camera’s name is not known in the network',
  'r.code.refused': 'Camera refuses the connection',
  'r.code.timeout': 'Camera does not answer',
  'r.code.unauthorized': 'Camera refuses the login',
  'r.code.not_found': 'Camera has no such video',
  'r.code.no_video': 'Camera sends no video',
  'r.code.unsupported_codec': 'Camera sends a video format that cannot be read',
  'r.code.codec_changed': 'Camera changed its video format',
  'r.code.corrupt': 'Camera’s video cannot be read',
  'r.code.stalled': 'Camera is silent',
  'r.code.ended': 'Camera closed the connection',
  'r.code.process_died': 'The camera’s program ended and starts again',
  'r.code.process_failed': 'The camera’s program cannot start',
  'r.retry': '{why}, next try in {s}',
  'r.silent': 'Video runs, the model is silent',
  'r.result.expired': 'Video runs, its pictures come too late',
  'r.result.timeout': 'Video runs, the model takes too long',
  'r.result.unavailable': 'Video runs, the model is not available',
  'r.result.error': 'Video runs, the model reports errors',
  'r.consumer.starting': 'Video runs, the model is starting',
  'r.consumer.restarting': 'Video runs, the model starts again',
  'r.consumer.failed': 'Video runs, the model has failed',
  'r.consumer.stopped': 'Video runs, the model is stopped',
  'r.missed': 'Slow: {n} % of looks missed',
  'r.late': 'Slow: {n} % of looks came late',
  'r.other': '{name} gives no answer',
  'r.flapping': 'Fails again and again: do not rely on it',
  'r.none': 'No model is set up',
  'a.fall': 'Fall',
  'a.long_lie': 'On the floor',
  'a.sitting': 'Sits up in bed',
  'a.edge': 'Edge of bed',
  'a.out': 'Out of bed',
  'a.away': 'Away from bed',
  'a.unknown': 'Bed',
  'a.open': 'Alarm · nobody has acknowledged',
  'a.aria': 'Alarm, not acknowledged',
  'a.sentence': 'Alarm: {what} in {room}',
  'a.ago': 'ago',
  'a.suspected': 'Suspected: a person decides',
  'a.seen': 'Seen {s} ago',
  'a.picture': '{room} {s} ago',
  'a.go': 'I am going',
  'a.going': 'Asking the node',
  'a.by': '{who} is going',
  'a.somebody': 'Somebody',
  'a.refused': 'The node did not take it: {why}',
  'a.viewer': 'You may look, but not take alarms. Call somebody.',
  'a.others': 'More alarms',
  'trace.aria': 'Answers in the last 60 seconds, now at the right',
  'leg.some': 'Looked, saw somebody. Right edge is now, height is the age',
  'leg.nobody': 'Looked, saw nobody',
  'leg.void': 'No answer since here',
  'leg.unknown': 'This page was not listening',
  'leg.blind': 'Striped frame: should watch, cannot',
  'leg.late': 'Amber frame: watches, but slowly',
  'leg.old': 'Grey picture: old. Gone after 60 s',
  'leg.off': 'Dashed frame: not watched by choice',
  'lost.h': 'Connection lost',
  'lost.never': 'No connection yet',
  'lost.since': 'since {t}',
  'lost.knows': 'This screen knows nothing.',
  'lost.look': 'Look into the rooms.',
  'lost.known': 'Last known: {what} in {room}, nobody had acknowledged',
  'lost.auto': 'It connects again by itself',
  'login.title': 'Log in',
  'login.name': 'Name',
  'login.password': 'Password',
  'login.button': 'Log in',
  'login.wrong': 'This name and password do not fit',
  'login.many': 'Too many wrong passwords. Again in {s}',
  'login.failed': 'The node did not answer: {why}',
  'login.why': 'Pictures of residents are behind a login.',
} as const;

/** A text of the catalogue. */
export type TextKey = keyof typeof EN;

const DE: Partial<Record<TextKey, string>> = {
  'nav.aria': 'Hauptmenü',
  'nav.wall': 'Wand',
  'page.alarm': '({n}) {what} in {room} · vigia {node}',
  'page.alarm.old': '{what} in {room}, {who} geht hin · vigia {node}',
  'page.lost': 'Verbindung verloren · vigia',
  'beat.title': 'Neueste Nachricht dieses Geräts',
  'theme.aria': 'Dunkel oder hell',
  'help.aria': 'So liest man die Wand',
  'help.title': 'So liest man die Wand',
  'help.keys': 'Tasten',
  'help.n': 'Zahlen',
  'help.a': 'Ich gehe hin',
  'help.q': 'diese Erklärung',
  'help.enter': 'gewählte Kamera öffnen',
  'help.esc': 'schließen, zurück zur Wand',
  close: 'Schließen',
  logout: 'Abmelden',
  'wall.title': 'Wand',
  'wall.numbers': 'Zahlen',
  'wall.asking': 'Frage das Gerät, {s}',
  'wall.empty': 'Noch keine Kameras',
  'wall.emptyd': 'Dieses Gerät überwacht noch nichts. Kameras stehen in seiner Konfigurationsdatei.',
  'cam.back': 'Wand',
  'cam.asking': 'Frage das Gerät nach dieser Ansicht',
  'cam.unknown': 'Dieses Gerät hat keine Kamera {room}.',
  'cam.failed':
    'Diese Ansicht konnte nicht geladen werden. Vielleicht wurde das Gerät aktualisiert: Lade die Seite neu.',
  'cam.reload': 'Neu laden',
  'cam.watching': 'Überwacht',
  'cam.slow': 'Überwacht, aber langsam',
  'cam.pending': 'Wartet auf eine Antwort',
  'cam.alt': 'Live-Video von {room}',
  'cam.video': 'Video {s} zurück',
  'cam.noage': 'Video, Alter nicht bekannt',
  'cam.picture': 'Bild {s} alt',
  'cam.modes': 'Was gezeigt wird',
  'cam.smooth': 'Flüssiges Video',
  'cam.saw': 'Was vigia sah',
  'cam.smoothd': 'Auf laufendem Video sind keine Rahmen: Eine Antwort kommt nach ihrem Bild.',
  'cam.sawd': 'Die ausgewerteten Bilder, einige je Sekunde, jedes mit den Rahmen seiner eigenen Antwort.',
  'c.title': 'Auswertungen',
  'c.name': 'Auswertung',
  'c.sla': 'Klasse',
  'c.state': 'Zustand',
  'c.age': 'Neueste Antwort',
  'l.asking': 'Frage das Gerät nach Live-Video',
  'l.connecting': 'Live-Video wird verbunden',
  'l.next': 'Nächster Versuch in {s}.',
  'l.old': 'Das Live-Video steht. Dieses Bild ist neuer.',
  'l.camera_away': 'Kein Live-Video: Die Kamera sendet jetzt keines.',
  'l.busy': 'Kein Live-Video: Zu viele sehen diesem Gerät zu.',
  'l.no_live': 'Kein Live-Video: Das Gerät bietet es jetzt nicht an.',
  'l.login': 'Kein Live-Video: Das Gerät verlangt eine Anmeldung.',
  'l.no_answer': 'Kein Live-Video: Das Gerät antwortete nicht.',
  'l.no_picture': 'Kein Live-Video: Es kam kein Bild.',
  'l.no_times': 'Kein Live-Video: Seine Bilder kamen ohne ihre Zeiten.',
  'l.lost': 'Kein Live-Video: Seine Verbindung brach ab.',
  'l.error': 'Kein Live-Video: Das Gerät begann es nicht. {why}',
  'l.privacy': 'Kein Live-Video: Diese Kamera hat private Bereiche, und Live-Video würde sie zeigen.',
  'l.codec': 'Kein Live-Video: Dieser Browser kann es nicht abspielen. {why}',
  'l.forbidden': 'Kein Live-Video: Dieser Benutzer darf es nicht sehen.',
  'l.not_found': 'Kein Live-Video: Das Gerät hat keines von dieser Kamera.',
  'l.browser': 'Kein Live-Video: Dieser Browser kann es nicht abspielen, oder nicht sagen, wie alt es ist.',
  'grp.trouble': 'Nicht gut gesehen',
  'grp.watching': 'Überwacht',
  'grp.off': 'Nicht überwacht',
  'grp.offnote': 'Niemand erfährt, was hier geschieht',
  'w.cannot': 'Kann nicht sehen',
  'w.nowatch': 'jetzt nicht überwacht',
  'w.old': 'Bild ist alt',
  'w.oldshort': 'Alt',
  'w.from': 'von {t}',
  'w.nopic': 'Kein Bild',
  'w.since': 'seit {t}',
  'w.sincebefore': 'seit vor {t}',
  'w.off': 'Nicht überwacht',
  'w.isoff': 'Aus',
  'w.video': 'nur Video',
  'w.notwatched': 'nicht überwacht',
  'w.longer': 'über {s}',
  'w.leastd': 'Die Kamera meldet keine Zeit: Das Bild ist mindestens so alt',
  'v.nobody': 'Niemand',
  'v.person': '1 Person',
  'v.people': '{n} Personen',
  'v.cannot': 'jetzt nicht bekannt',
  'v.pending': 'wartet auf eine Antwort',
  'v.bed.in': 'Im Bett',
  'v.bed.sitting': 'Sitzt im Bett auf',
  'v.bed.edge': 'Bettkante',
  'r.camera.connecting': 'Verbindet mit der Kamera',
  'r.camera.stalled': 'Kamera schweigt',
  'r.camera.waiting': 'Kamera ist weg',
  'r.camera.stopped': 'Kamera ist ausgeschaltet',
  'r.code.dns': 'Den Namen der Kamera kennt das Netz nicht',
  'r.code.refused': 'Kamera lehnt die Verbindung ab',
  'r.code.timeout': 'Kamera antwortet nicht',
  'r.code.unauthorized': 'Kamera lehnt die Anmeldung ab',
  'r.code.not_found': 'Kamera hat dieses Video nicht',
  'r.code.no_video': 'Kamera sendet kein Video',
  'r.code.unsupported_codec': 'Kamera sendet ein Format, das nicht gelesen werden kann',
  'r.code.codec_changed': 'Kamera hat ihr Videoformat geändert',
  'r.code.corrupt': 'Video der Kamera ist nicht lesbar',
  'r.code.stalled': 'Kamera schweigt',
  'r.code.ended': 'Kamera hat die Verbindung beendet',
  'r.code.process_died': 'Das Programm der Kamera endete und startet neu',
  'r.code.process_failed': 'Das Programm der Kamera kann nicht starten',
  'r.retry': '{why}, nächster Versuch in {s}',
  'r.silent': 'Video läuft, das Modell schweigt',
  'r.result.expired': 'Video läuft, seine Bilder kommen zu spät',
  'r.result.timeout': 'Video läuft, das Modell braucht zu lange',
  'r.result.unavailable': 'Video läuft, das Modell ist nicht bereit',
  'r.result.error': 'Video läuft, das Modell meldet Fehler',
  'r.consumer.starting': 'Video läuft, das Modell startet',
  'r.consumer.restarting': 'Video läuft, das Modell startet neu',
  'r.consumer.failed': 'Video läuft, das Modell ist ausgefallen',
  'r.consumer.stopped': 'Video läuft, das Modell ist beendet',
  'r.missed': 'Langsam: {n} % der Blicke fehlen',
  'r.late': 'Langsam: {n} % der Blicke kamen spät',
  'r.other': '{name} antwortet nicht',
  'r.flapping': 'Fällt immer wieder aus: nicht darauf verlassen',
  'r.none': 'Kein Modell eingerichtet',
  'a.fall': 'Sturz',
  'a.long_lie': 'Am Boden',
  'a.sitting': 'Sitzt im Bett auf',
  'a.edge': 'Bettkante',
  'a.out': 'Aus dem Bett',
  'a.away': 'Nicht im Bett',
  'a.unknown': 'Bett',
  'a.open': 'Alarm · noch hat niemand bestätigt',
  'a.aria': 'Alarm, nicht bestätigt',
  'a.sentence': 'Alarm: {what} in {room}',
  'a.ago': 'her',
  'a.suspected': 'Vermutet: ein Mensch entscheidet',
  'a.seen': 'Vor {s} gesehen',
  'a.picture': '{room} vor {s}',
  'a.go': 'Ich gehe hin',
  'a.going': 'Frage das Gerät',
  'a.by': '{who} geht hin',
  'a.somebody': 'Jemand',
  'a.refused': 'Nicht angenommen: {why}',
  'a.viewer': 'Du darfst sehen, aber keine Alarme annehmen. Ruf jemanden.',
  'a.others': 'Weitere Alarme',
  'trace.aria': 'Antworten der letzten 60 Sekunden, rechts ist jetzt',
  'leg.some': 'Hingesehen, jemand da. Rechts ist jetzt, Höhe ist das Alter',
  'leg.nobody': 'Hingesehen, niemand da',
  'leg.void': 'Seit hier keine Antwort',
  'leg.unknown': 'Diese Seite hörte nicht zu',
  'leg.blind': 'Gestreifter Rahmen: soll überwachen, kann nicht',
  'leg.late': 'Gelber Rahmen: überwacht, aber langsam',
  'leg.old': 'Graues Bild: alt. Nach 60 s weg',
  'leg.off': 'Gestrichelter Rahmen: absichtlich nicht überwacht',
  'lost.h': 'Verbindung verloren',
  'lost.never': 'Noch keine Verbindung',
  'lost.since': 'seit {t}',
  'lost.knows': 'Dieser Bildschirm weiß nichts.',
  'lost.look': 'Schau in die Zimmer.',
  'lost.known': 'Zuletzt bekannt: {what} in {room}, niemand hatte bestätigt',
  'lost.auto': 'Er verbindet sich von selbst wieder',
  'login.title': 'Anmelden',
  'login.name': 'Name',
  'login.password': 'Passwort',
  'login.button': 'Anmelden',
  'login.wrong': 'Name und Passwort passen nicht zusammen',
  'login.many': 'Zu viele falsche Passwörter. Wieder in {s}',
  'login.failed': 'Das Gerät hat nicht geantwortet: {why}',
  'login.why': 'Bilder von Bewohnern gibt es nur nach einer Anmeldung.',
};

let catalogue: Partial<Record<TextKey, string>> = EN;
let language = 'en';

/** Chooses `de`, or English for anything else. Returns the language in force. */
export function chooseLanguage(wanted: string | null): string {
  language = wanted === 'de' ? 'de' : 'en';
  catalogue = language === 'de' ? DE : EN;
  return language;
}

/** A text with its placeholders filled in; in English where the catalogue lacks it. */
export function text(key: TextKey, values: Readonly<Record<string, string | number>> = {}): string {
  const found: string = catalogue[key] ?? EN[key];
  return found.replaceAll(/\{(\w+)\}/g, (placeholder, name: string) => String(values[name] ?? placeholder));
}

/** `0.2 s`, `34 s`, `2:48`, `33 min`, `5 h`. Rounded down: an age is never shown larger than the clock says. */
export function duration(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (ms < 10_000) {
    const tenths = (Math.floor(ms / 100) / 10).toFixed(1);
    return `${language === 'de' ? tenths.replace('.', ',') : tenths} s`;
  }
  return whole(seconds);
}

/** As {@link duration}, in whole seconds: `4 s`. */
export function wholeDuration(ms: number): string {
  return whole(Math.floor(ms / 1000));
}

function whole(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}

/** `03:14:19`, in the time zone of this screen. */
export function clockTime(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB', { hour12: false });
}

/** `room-4` is `Room 4`: cameras have ids and no names. */
export function roomName(camera: string): string {
  const words = camera.replaceAll(/[-_]+/g, ' ').trim();
  return words === '' ? camera : words[0]?.toUpperCase() + words.slice(1);
}

/** `anna (127.0.0.1)` is `anna`. */
export function personName(by: string): string {
  return by.replace(/ \([^)]*\)$/, '');
}

/** The headline of an alarm. */
export function alarmName({ kind, reason, state }: Alarm): string {
  const key = `a.${reason ?? (kind === 'fall' ? 'fall' : state)}`;
  return text(key in EN ? (key as TextKey) : kind === 'fall' ? 'a.fall' : 'a.unknown');
}

/** What an answer says; empty where a tile says it elsewhere. */
export function verdictText(verdict: Verdict): string {
  switch (verdict.kind) {
    case 'people':
      return verdict.count === 1 ? text('v.person') : text('v.people', { n: verdict.count });
    case 'things':
      return text('v.things', { n: verdict.count, name: verdict.name });
    case 'bed':
      return text(`v.bed.${verdict.state}`);
    case 'off':
      return '';
    default:
      return text(`v.${verdict.kind}`);
  }
}

/** Why a camera is not seen properly. `serverMs`: now. */
export function reasonText(reason: Reason, serverMs: number): string {
  switch (reason.kind) {
    case 'camera':
      return cameraText(reason, serverMs);
    case 'result':
      return text(`r.result.${reason.status}`);
    case 'consumer': {
      const key = `r.consumer.${reason.state}`;
      return text(key in EN ? (key as TextKey) : 'r.silent');
    }
    case 'missed':
    case 'late':
      return text(`r.${reason.kind}`, { n: reason.percent });
    case 'other':
      return text('r.other', { name: reason.consumer });
    case 'no_consumer':
      return text('r.none');
    default:
      return text(`r.${reason.kind}`);
  }
}

function cameraText({ state, code, retryMs }: Extract<Reason, { kind: 'camera' }>, serverMs: number): string {
  const byCode = `r.code.${code}`;
  const byState = `r.camera.${state}`;
  const why = text(
    state !== 'stopped' && byCode in EN ? (byCode as TextKey) : byState in EN ? (byState as TextKey) : 'r.silent',
  );
  if (retryMs === null || retryMs <= serverMs) return why;
  return text('r.retry', { why, s: wholeDuration(retryMs - serverMs + 999) });
}
