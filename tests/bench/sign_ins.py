#!/usr/bin/env python3
"""Signs one person in again and again, one at a time, three ways in one process, and prints how long each took.

Arguments: user, UPN, tenant id, client id, count. The password comes on standard input. Prints one JSON object of
lists of seconds:
  tenant  the password grant at the token endpoint itself, on one kept connection
  pam     pam_start to pam_end with the PAM service "bench", authenticate and acct_mgmt
  floor   the same with the service "bench-floor", in which nobody asks anybody
"""

import ctypes
import http.client
import json
import ssl
import sys
import time
import urllib.parse

LOGIN = "login.microsoftonline.com"
PAM_SUCCESS = 0
PAM_PROMPT_ECHO_OFF = 1

libc = ctypes.CDLL(None)
libc.calloc.restype = ctypes.c_void_p
libc.calloc.argtypes = [ctypes.c_size_t, ctypes.c_size_t]
libc.strdup.restype = ctypes.c_void_p
libc.strdup.argtypes = [ctypes.c_char_p]
libpam = ctypes.CDLL("libpam.so.0")


class Message(ctypes.Structure):
    _fields_ = [("style", ctypes.c_int), ("text", ctypes.c_char_p)]


class Reply(ctypes.Structure):
    _fields_ = [("text", ctypes.c_void_p), ("unused", ctypes.c_int)]


CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_int,
    ctypes.POINTER(ctypes.POINTER(Message)),
    ctypes.POINTER(ctypes.c_void_p),
    ctypes.c_void_p,
)


class Conversation(ctypes.Structure):
    _fields_ = [("callback", CALLBACK), ("data", ctypes.c_void_p)]


def conversation(password):
    """Answers every hidden prompt with the password, as pam_conv(3) has it."""

    @CALLBACK
    def callback(count, messages, replies, _):
        array = libc.calloc(count, ctypes.sizeof(Reply))
        for index in range(count):
            if messages[index].contents.style == PAM_PROMPT_ECHO_OFF:
                reply = Reply.from_address(array + index * ctypes.sizeof(Reply))
                reply.text = libc.strdup(password)
        replies[0] = array
        return PAM_SUCCESS

    return Conversation(callback, None)


def by_pam(service, user, talk):
    handle = ctypes.c_void_p()
    began = time.perf_counter()
    libpam.pam_start(service.encode(), user.encode(), ctypes.byref(talk), ctypes.byref(handle))
    result = libpam.pam_authenticate(handle, 0) or libpam.pam_acct_mgmt(handle, 0)
    libpam.pam_end(handle, result)
    took = time.perf_counter() - began
    if result != PAM_SUCCESS:
        sys.exit(f"{service}: PAM said {result}")
    return took


def by_tenant(connection, path, body):
    began = time.perf_counter()
    connection.request("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    answer.read()
    took = time.perf_counter() - began
    if answer.status != 200:
        sys.exit(f"the tenant said {answer.status}")
    return took


def main():
    user, upn, tenant, client, count = sys.argv[1:]
    password = sys.stdin.readline().rstrip("\n")
    talk = conversation(password.encode())
    path = f"/{tenant}/oauth2/v2.0/token"
    body = urllib.parse.urlencode(
        {
            "grant_type": "password",
            "client_id": client,
            "scope": "openid profile",
            "username": upn,
            "password": password,
        }
    )
    connection = http.client.HTTPSConnection(LOGIN, context=ssl.create_default_context())
    # The first of each pays for connections and keys.
    for way in (lambda: by_tenant(connection, path, body), lambda: by_pam("bench", user, talk)):
        way()
    taken = {"tenant": [], "pam": [], "floor": []}
    # By turns, so that a busy moment of the machine meets all three.
    for _ in range(int(count)):
        taken["tenant"].append(by_tenant(connection, path, body))
        taken["pam"].append(by_pam("bench", user, talk))
        taken["floor"].append(by_pam("bench-floor", user, talk))
    print(json.dumps(taken))


main()
