"""From where and with what a request comes, in words its sender recognises: an address, a browser and a system."""

from __future__ import annotations

from fastapi import Request

from twin.actions.log_in import Whence

# The first that stands in the header counts: every browser also claims to be the ones below it.
BROWSERS = (
    ("MicroMessenger/", "微信 WeChat"), ("Edg", "Edge"), ("OPR/", "Opera"), ("360SE", "360"), ("QQBrowser", "QQ"),
    ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"),
)  # fmt: skip
SYSTEMS = (
    ("HarmonyOS", "HarmonyOS"), ("OpenHarmony", "HarmonyOS"), ("Android", "Android"), ("iPhone", "iPhone"),
    ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip
LONGEST = 80


def whence(request: Request) -> Whence:
    """Say where a request comes from, as the server believes it (api.client_address), and with which program."""
    return Whence(request.client.host[:60] if request.client else "", device_of(request.headers.get("user-agent", "")))


def device_of(agent: str) -> str:
    """Name browser and system in a User-Agent; of another program the name it gives itself."""
    browser = next((name for mark, name in BROWSERS if mark in agent), "")
    system = next((name for mark, name in SYSTEMS if mark in agent), "")
    said = ", ".join(filter(None, (browser, system))) or agent.split("/")[0]
    return "".join(letter for letter in said if letter.isprintable())[:LONGEST]
