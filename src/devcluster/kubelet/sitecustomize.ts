/** The module that makes Python programs find services: it is first on their module path. */

/** The name table, in the same folder as the module. */
export const NAMES_FILE = "names.json";

/**
 * Python runs `sitecustomize` at its start. This one wraps `socket.getaddrinfo`, through which almost
 * every Python program finds its peers; programs whose HTTP client ignores proxies need it. Afterwards it
 * runs the `sitecustomize` that would have been found without it.
 */
export const SITECUSTOMIZE = `"""Resolves <service>.<namespace>:<port> to this machine's ports."""
import json
import os
import socket
import sys

_folder = os.path.dirname(os.path.abspath(__file__))
_file = os.path.join(_folder, ${JSON.stringify(NAMES_FILE)})
_cached = (None, {})
_getaddrinfo = socket.getaddrinfo


def _names():
    global _cached
    try:
        found = os.stat(_file)
        stamp = (found.st_mtime_ns, found.st_ino)
        if _cached[0] != stamp:
            with open(_file, encoding="utf-8") as table:
                _cached = (stamp, json.load(table))
    except (OSError, ValueError):
        pass
    return _cached[1]


def _address(host, port):
    if isinstance(host, (bytes, bytearray)):
        host = host.decode("ascii", "replace")
    if not isinstance(host, str):
        return None
    try:
        number = int(port)
    except (TypeError, ValueError):
        return None
    name = host.lower().rstrip(".")
    for suffix in (".svc.cluster.local", ".svc"):
        if name.endswith(suffix):
            name = name[: -len(suffix)]
            break
    for first, address, target, size in reversed(_names().get(name, ())):
        if first <= number < first + size:
            return address, target + number - first
    return None


def getaddrinfo(host, port, *args, **kwargs):
    found = _address(host, port)
    if found is None:
        return _getaddrinfo(host, port, *args, **kwargs)
    return _getaddrinfo(found[0], found[1], *args, **kwargs)


socket.getaddrinfo = getaddrinfo


def _run_shadowed():
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    rest = [one for one in sys.path if os.path.abspath(one or ".") != _folder]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


_run_shadowed()
`;
