"""Processes that ask the agent: raw frames over admin.sock, and entractl.

Run on a host by root with a plan as JSON on standard input; prints what came of it as JSON. A plan is a list of steps,
done one after another by the processes of one Python program each:

  {"as": UID or [real, effective, saved], "frames": [text, ...]}    a process with these uids sends each frame
  {"as": UID, "lines": [[word, ...], ...], "environment": {...}}    it runs each command line
  {"as": [maker, sender], "hand_on": text}                          the first connects, the second sends the frame
  {"as": UID, "before": [text, ...], "meanwhile": [word, ...], "after": [text, ...]}
                                                                    one process asks, root runs a command, it asks again;
                                                                    the last frame goes over a connection from before
  {"at_once": [step, ...]}                                          these steps at one time
"""

import array
import json
import os
import socket
import struct
import subprocess
import sys

SOCKET = "/run/entra-login/admin.sock"


def connect():
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(SOCKET)
    return connection


def exactly(connection, count):
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def ask(frame, connection=None):
    """How the agent's answer ends: "done", or the kind of failure."""
    connection = connection or connect()
    try:
        text = frame.encode()
        connection.sendall(struct.pack("<I", len(text)) + text)
        while True:
            (size,) = struct.unpack("<I", exactly(connection, 4))
            body = json.loads(exactly(connection, size))["body"]
            if "done" in body:
                return "done"
            if "failed" in body:
                return body["failed"]["kind"]
    except (EOFError, OSError) as error:
        return "no answer: %r" % error
    finally:
        connection.close()


def run(line, environment):
    clean = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/"}
    ended = subprocess.run(line, env=clean | environment, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if ended.returncode == 0:
        return "done"
    try:
        return json.loads(ended.stdout)["error"]["kind"]
    except (ValueError, KeyError):
        # What a command shows before it says that something is not as it should be.
        return "exit %d %s" % (ended.returncode, ended.stderr[:200])


def become(uids):
    real, effective, saved = uids if isinstance(uids, list) else [uids] * 3
    os.setgroups([])
    os.setresgid(*[65534] * 3)
    os.setresuid(real, effective, saved)


def child(uids, work):
    """Begins `work` in a process with these uids; the answer comes by the pipe."""
    reader, writer = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(reader)
            become(uids)
            said = work()
        except BaseException as error:
            said = "broken: %r" % error
        os.write(writer, json.dumps(said).encode())
        os._exit(0)
    os.close(writer)
    return process, reader


def answer(begun):
    process, reader = begun
    with os.fdopen(reader) as said:
        text = said.read()
    os.waitpid(process, 0)
    return json.loads(text)


def hand_on(step):
    maker, sender = step["as"]
    here, there = socket.socketpair()

    def make():
        connection = connect()
        handle = array.array("i", [connection.fileno()])
        here.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, handle)])
        return "made"

    def send():
        _, ancillary, _, _ = there.recvmsg(1, socket.CMSG_SPACE(4))
        handle = array.array("i", ancillary[0][2][:4])[0]
        connection = socket.socket(fileno=handle)
        connection.settimeout(60)
        return ask(step["hand_on"], connection)

    here.settimeout(60)
    there.settimeout(60)
    made, sent = child(maker, make), child(sender, send)
    return answer(sent), answer(made)


def through(step):
    """A process that is there before, meanwhile and after."""
    go, told = os.pipe(), os.pipe()

    def work():
        before = [ask(frame) for frame in step["before"]]
        kept = connect()
        os.write(told[1], b"x")
        os.read(go[0], 1)
        *frames, last = step["after"]
        return [before, [ask(frame) for frame in frames] + [ask(last, kept)]]

    begun = child(step["as"], work)
    os.read(told[0], 1)
    meanwhile = subprocess.run(step["meanwhile"], capture_output=True, text=True)
    os.write(go[1], b"x")
    before, after = answer(begun)
    return {"before": before, "meanwhile": meanwhile.returncode, "after": after}


def begin(step):
    if "frames" in step:
        return child(step["as"], lambda: [ask(frame) for frame in step["frames"]])
    return child(step["as"], lambda: [run(line, step.get("environment", {})) for line in step["lines"]])


def do(step):
    if "at_once" in step:
        return [answer(begun) for begun in [begin(one) for one in step["at_once"]]]
    if "hand_on" in step:
        return hand_on(step)
    if "meanwhile" in step:
        return through(step)
    return answer(begin(step))


if len(sys.argv) > 1:
    # Within a user namespace that somebody made: no plan, only frames, by whoever this is.
    print(json.dumps([os.getuid()] + [ask(frame) for frame in json.loads(sys.argv[1])]))
else:
    print(json.dumps([do(step) for step in json.load(sys.stdin)]))
