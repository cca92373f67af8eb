"""Uses every route of a node through the Python client; prints what each answered, one JSON line each.

Its argument is JSON: `url`, `socket`, `proxy` (an address in front of the socket, which the test cuts) and `document`.
"""

import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "sdk" / "python"))
from vigia.client import ApiError, Client  # noqa: E402

given = json.loads(sys.argv[1])
local = Client(socket=given["socket"])
PASSWORD = "correct horse battery"


def say(entrance, name, answer):
    print(json.dumps({"entrance": entrance, "name": name, "answer": answer}), flush=True)


def when_live(ask):
    """Repeats while the camera is starting."""
    while True:
        try:
            return ask()
        except ApiError as error:
            if error.code != "camera_not_live":
                raise
            time.sleep(0.02)


def say_all(entrance, calls):
    for name, call in calls.items():
        say(entrance, name, call())


def reads(node):
    """Routes that change nothing."""
    return {
        "health": node.health,
        "ready": node.ready,
        "metrics": node.metrics,
        "openapi": node.openapi,
        "report": node.report,
        "status": node.status,
        "problems": node.problems,
        "budget": node.budget,
        "alarms": node.alarms,
        "logs": lambda: node.logs(limit=5, level="info"),
        "cameras": node.cameras,
        "camera": lambda: node.camera("hall"),
        "models": node.models,
        "events": lambda: node.events(kind="config,node", limit=5),
        "config": node.config,
        "putConfig": lambda: node.put_config(given["document"], dry_run=True),
        "revisions": node.revisions,
        "me": node.me,
    }


def processes(node):
    """Routes that need the camera's process, or replace it."""
    return {
        "snapshot": lambda: when_live(lambda: node.snapshot("hall")).hex(),
        "probe": lambda: node.probe({"source": "rtsp://127.0.0.1:1/"}),
        "restartConsumer": lambda: node.restart_consumer("hall", "light"),
        "restartCamera": lambda: node.restart_camera("hall"),
    }


def about_recordings(node):
    """Every route of recordings, of a node that records nothing."""
    times = {"from": "2026-11-22T03:00:00Z", "to": "2026-11-22T03:01:00Z"}
    at = {"at": "2026-11-22T03:00:00Z"}
    part = {"order": "1", "at": "0"}
    calls = {
        "recordings": lambda: node.recordings(**times),
        "markRecording": lambda: node.mark_recording("hall", {}),
        "rebuildRecordings": node.rebuild_recordings,
        "clip": lambda: node.clip("hall", **times),
        "clipFacts": lambda: node.clip_facts("hall", **times),
        "previewRules": lambda: node.preview_rules({"camera": "hall", "rule": "visits"}),
        "recordedResults": lambda: node.recorded_results("hall", **times),
        "exportedClip": lambda: node.exported_clip("hall", **times),
        "playlist": lambda: node.playlist("hall", **times),
        "playlistInit": lambda: node.playlist_init("hall", **part),
        "playlistPart": lambda: node.playlist_part("hall", **part, **{"from": "0", "to": "1"}, zero="0"),
        "recordedPicture": lambda: node.recorded_picture("hall", **at),
        "thumbnail": lambda: node.thumbnail("hall", **at),
    }
    for name, call in calls.items():
        try:
            call()
        except ApiError as error:
            say("no recordings", name, [error.status, error.code])


def changes(node):
    """Routes that make a revision; then the same once more, and once too late."""
    revision = node.config()["revision"]
    put = {"source": "rtsp://127.0.0.1:1/1"}
    calls = {
        "putCamera": lambda: node.put_camera("new", put, if_match=revision),
        "removeCamera": lambda: node.remove_camera("new", if_match=revision + 1, idempotency_key="once"),
        "rollBack": lambda: node.roll_back({"revision": revision}),
        "patchCamera": lambda: node.patch_camera("hall", {"on_loss": "conceal"}),
        "patchConsumer": lambda: node.patch_consumer("hall", "light", {"fps": 2}),
        "reload": node.reload,
        "repeated": lambda: node.remove_camera("new", if_match=revision + 1, idempotency_key="once"),
    }
    say_all("tcp", calls)
    try:
        node.acknowledge(node.events(limit=1)["events"][0]["id"])
    except ApiError as error:
        say("no alarm", "acknowledge", [error.status, error.code])
    try:
        node.break_demo({"what": "camera", "camera": "hall"})
    except ApiError as error:
        say("no demo", "breakDemo", [error.status, error.code])
    try:
        node.put_camera("new", put, if_match=revision)
    except ApiError as error:
        say("tcp", "refused", [error.status, error.code, error.details])


def about_access():
    """Users, tokens and a session; returns a token of an admin."""
    say("socket", "addUser", local.add_user({"name": "anna", "role": "admin", "password": PASSWORD}))
    local.add_user({"name": "night", "role": "viewer"})
    say("socket", "changeUser", local.change_user("night", {"role": "operator", "cameras": ["hall"]}))
    say("socket", "users", local.users())
    made = local.add_token({"name": "test", "user": "anna"})
    say("socket", "addToken", made)
    say("socket", "tokens", local.tokens())
    session = Client(given["url"]).login("anna", PASSWORD)
    say("tcp", "login", session.me())
    other = session.add_token({"name": "made in a session"})
    say("tcp", "removeToken", session.remove_token(other["id"]))
    say("tcp", "logout", session.logout())
    try:
        session.me()
    except ApiError as error:
        say("tcp", "logged out", [error.status, error.code])
    say("socket", "removeUser", local.remove_user("night"))
    return made["token"]


def followed():
    """Events over a connection that the test cuts once, while it waits for a line; all of them, each once."""
    first, second = local.events(after="0" * 26, limit=2)["events"]
    lost = []
    events = Client(given["proxy"]).follow(after=first["id"], on_lost=lambda error: lost.append(error.code), retry_s=0.01)
    got = [next(events)["id"]]
    say("proxy", "connected", got == [second["id"]])
    sys.stdin.readline()
    for number in range(3):
        local.put_camera(f"later{number}", {"source": "rtsp://127.0.0.1:1/1"})
    wanted = [event["id"] for event in local.events(after=first["id"], limit=1000)["events"]]
    while len(got) < len(wanted):
        got.append(next(events)["id"])
    events.close()
    say("proxy", "followed", {"complete": got == wanted, "lost": lost})


def watched(node):
    """A result and an event of the camera."""
    items = node.watch(["result", "event"], "hall", after=local.events(camera="hall", after="0" * 26, limit=1)["events"][0]["id"])
    seen = {}
    while len(seen) < 2:
        item = next(items)
        seen[item["type"]] = item
    items.close()
    say("tcp", "watched", seen)


say_all("socket", {**reads(local), **processes(local)})
remote = Client(given["url"], token=about_access())
say_all("tcp", reads(remote))
about_recordings(remote)
watched(remote)
changes(remote)
followed()
say("tcp", "stop", remote.stop())
