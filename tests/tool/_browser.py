# SPDX-License-Identifier: MIT
#
# A headless Chromium that does what a test tells it, over the DevTools protocol on two pipes: no
# port, no driver, no package. What pages complain about on their console is kept.
import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading

PATIENCE = 60.0


def find_browser():
    """The command of a Chromium, or None."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in map(shutil.which, names) if path), None)


class Browser:
    """A context. `with Browser() as browser: browser.open(path)`."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="headrace-browser-")
        there, self._to_browser = os.pipe()
        self._from_browser, here = os.pipe()
        # Descriptors 3 and 4 are what --remote-debugging-pipe reads and writes.
        self._process = subprocess.Popen(
            ["bash", "-c", f'exec 3<&{there} 4>&{here}; exec "$@"', "bash", find_browser(),
             "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--no-first-run", "--disable-extensions", "--disable-background-networking",
             f"--user-data-dir={self.directory}", "--remote-debugging-pipe", "about:blank"],
            pass_fds=(there, here), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        os.close(there)
        os.close(here)
        self._news = threading.Condition()
        self._answers, self._events, self._ended, self._last = {}, [], False, 0
        threading.Thread(target=self._read, daemon=True).start()
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(target for target in targets if target["type"] == "page")
        self._session = None
        self._session = self._call("Target.attachToTarget", targetId=page["targetId"],
                                   flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(domain + ".enable")

    def _read(self):
        kept = b""
        while part := os.read(self._from_browser, 1 << 20):
            *whole, kept = (kept + part).split(b"\0")
            with self._news:
                for text in whole:
                    message = json.loads(text)
                    if "id" in message:
                        self._answers[message["id"]] = message
                    else:
                        self._events.append(message)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _wait(self, ready, what):
        with self._news:
            if not self._news.wait_for(lambda: ready() or self._ended, PATIENCE) or not ready():
                raise AssertionError(f"the browser did not do this: {what}")

    def _call(self, method, **parameters):
        self._last += 1
        number = self._last
        message = {"id": number, "method": method, "params": parameters}
        if getattr(self, "_session", None):
            message["sessionId"] = self._session
        os.write(self._to_browser, json.dumps(message).encode() + b"\0")
        self._wait(lambda: number in self._answers, method)
        answer = self._answers.pop(number)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer.get("result", {})

    def _named(self, *methods):
        return [event for event in list(self._events) if event["method"] in methods]

    def open(self, path, width=1100, height=900, dark=False):
        """Loads a file and waits until it is loaded; drops what earlier pages complained about."""
        with self._news:
            self._events.clear()
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                   deviceScaleFactor=1, mobile=width < 600)
        self._call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"}])
        self._call("Page.navigate", url="file://" + os.path.abspath(path))
        self._wait(lambda: self._named("Page.loadEventFired"), f"load {path}")

    def prefer(self, scheme):
        """Changes between light and dark while the page is open."""
        self._call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"}])

    def evaluate(self, expression):
        """The value of a JavaScript expression, as JSON can hold it; waits for a promise."""
        result = self._call("Runtime.evaluate", expression=expression, returnByValue=True,
                            awaitPromise=True)
        if "exceptionDetails" in result:
            raise AssertionError(f"{expression}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def wait_until(self, condition):
        """Waits for what the page does a little later."""
        self.evaluate(f"""new Promise((done, fail) => {{
          const look = () => (({condition}) ? done() : requestAnimationFrame(look));
          setTimeout(() => fail(new Error('it never came')), {PATIENCE * 500});
          look();
        }})""")

    def point_at(self, x, y):
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    @contextlib.contextmanager
    def downloads(self):
        """Within it files are kept; gives a function that waits for one and returns its path."""
        directory = os.path.join(self.directory, "downloads")
        self._call("Browser.setDownloadBehavior", behavior="allowAndName", downloadPath=directory,
                   eventsEnabled=True)

        def downloaded():
            def done():
                return [event["params"] for event in self._named("Browser.downloadProgress")
                        if event["params"]["state"] == "completed"]

            self._wait(done, "download")
            return os.path.join(directory, done()[-1]["guid"])

        yield downloaded
        self._call("Browser.setDownloadBehavior", behavior="deny")

    def complaints(self):
        """Exceptions, and errors and warnings on the console, of this page."""
        texts = [str(event["params"]) for event in self._named("Runtime.exceptionThrown")]
        texts += [str(event["params"]) for event in self._named("Runtime.consoleAPICalled")
                  if event["params"]["type"] in ("error", "warning", "assert")]
        return texts + [str(event["params"]) for event in self._named("Log.entryAdded")
                        if event["params"]["entry"]["level"] in ("error", "warning")]

    def requests(self):
        """Addresses that this page asked for."""
        return [event["params"]["request"]["url"]
                for event in self._named("Network.requestWillBeSent")]

    def screenshot(self, path, full=True):
        image = self._call("Page.captureScreenshot", captureBeyondViewport=full,
                           **({"clip": self._all_of_the_page()} if full else {}))
        with open(path, "wb") as file:
            file.write(base64.b64decode(image["data"]))

    def _all_of_the_page(self):
        size = self._call("Page.getLayoutMetrics")["cssContentSize"]
        return {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.killpg(self._process.pid, signal.SIGKILL)  # its own session: it and its children
        self._process.wait()
        os.close(self._to_browser)
        shutil.rmtree(self.directory, ignore_errors=True)
