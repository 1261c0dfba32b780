"""The way to the package servers, the same for all who go it: uv, py-rattler and our own downloads.

A proxy is the settings' own, else the system's (on Windows and macOS also what its settings say). This computer's own
servers and what the system excepts are never asked for through one.
"""

from __future__ import annotations

import ipaddress
import os
import urllib.parse
import urllib.request
from typing import TYPE_CHECKING, Any, Final

from aienv_gui.environments.records import Sources

if TYPE_CHECKING:
    import requests

_OURS: Final = ("localhost", "127.0.0.1", "::1")
_SCHEMES: Final = ("http", "https", "all")
_BUNDLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this computer itself."""
    if host.lower().rstrip(".") == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def proxy_for(url: str, sources: Sources) -> str:
    """The proxy through which an address is asked for, with user and password; empty for the direct way."""
    parts = urllib.parse.urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or not host or is_loopback(host):
        return ""
    system = urllib.request.getproxies()
    if _is_excepted(host, system.get("no", "")):
        return ""
    if sources.proxy:
        return _with_scheme(sources.proxy)
    if urllib.request.proxy_bypass(host):
        return ""
    return _with_scheme(system.get(parts.scheme) or system.get("all") or "")


def _is_excepted(host: str, exceptions: str) -> bool:
    """Whether the variable NO_PROXY names a host or a domain it belongs to."""
    names = [name.strip().lstrip("*.").lower() for name in exceptions.split(",") if name.strip()]
    return any(not name or host.lower() == name or host.lower().endswith(f".{name}") for name in names)


def _with_scheme(proxy: str) -> str:
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def variables(sources: Sources) -> dict[str, str]:
    """What a child's environment says about the way: proxies, their exceptions, certificates.

    Both spellings of each name are there: programs differ in which of them wins.
    """
    system = urllib.request.getproxies()
    result: dict[str, str] = {}
    for scheme in _SCHEMES:
        proxy = _with_scheme(sources.proxy or system.get(scheme, ""))
        if proxy:
            result |= dict.fromkeys((f"{scheme}_proxy", f"{scheme.upper()}_PROXY"), proxy)
    if result:
        excepted = [part.strip() for part in system.get("no", "").split(",") if part.strip()]
        result |= dict.fromkeys(("no_proxy", "NO_PROXY"), ",".join(dict.fromkeys((*excepted, *_OURS))))
    if sources.certificate:
        result["SSL_CERT_FILE"] = sources.certificate
    return result


def certificates(sources: Sources) -> str:
    """The file of certificate authorities that is used; empty for the built-in ones."""
    return sources.certificate or next((os.environ[name] for name in _BUNDLES if os.environ.get(name)), "")


def session(sources: Sources) -> requests.Session:
    """A session of requests that goes the sources' way; each redirection finds its own."""
    import requests  # a quarter of the start of a build from the cache

    bundle = certificates(sources) or True

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
            # Not left to requests: it prefers what the environment's variables say to what it is told.
            proxy = proxy_for(request.url or "", sources)
            how["proxies"] = {"http": proxy, "https": proxy} if proxy else {}
            how["verify"] = bundle
            return super().send(request, **how)

    return Session()
