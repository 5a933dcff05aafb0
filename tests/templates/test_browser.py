"""The report in a real browser: Chromium without a window, driven over WebDriver."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlfix.templates.report import render

from tests.templates import made

pytestmark = pytest.mark.slow
webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its chromedriver is installed (Debian: apt-get install chromium chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    try:
        started = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    except Exception as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"Chromium does not start here: {str(error).splitlines()[0]}")
    yield started
    started.quit()


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reports")
    results = {
        "verify": made.verify_result(),
        "probe": made.probe_result(),
        "not-run": made.not_run_result(),
        "empty": made.empty_result(),
    }
    urls = {}
    for name, result in results.items():
        path: Path = folder / f"{name}.html"
        path.write_text(render(result), encoding="utf-8")
        urls[name] = path.as_uri()
    return urls


@pytest.fixture
def page(browser, files):
    """The verify report, fresh, in the light theme, on a wide screen."""
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    scheme(browser, "light")
    browser.get(files["verify"])
    browser.execute_script("localStorage.clear()")
    browser.refresh()
    return browser


def scheme(browser, name: str) -> None:
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": name}]}
    )


def background(browser) -> str:
    return browser.execute_script("return getComputedStyle(document.body).backgroundColor")


def names(browser) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#probe-table tbody tr')].filter(r => !r.hidden).map(r => r.dataset.name)"
    )
    return browser.execute_script(script)


def click(browser, selector: str) -> None:
    browser.execute_script("document.querySelector(arguments[0]).click()", selector)


@pytest.mark.parametrize("name", ["verify", "probe", "not-run", "empty"])
def test_opens_without_a_word_in_the_console_and_asks_for_nothing(browser, files, name: str) -> None:
    browser.get_log("browser")
    browser.get_log("performance")
    browser.get(files[name])
    assert browser.get_log("browser") == []
    asked = [e["message"] for e in browser.get_log("performance") if '"Network.requestWillBeSent"' in e["message"]]
    # The browser's own pages (a new tab) ask for pictures of their own.
    ours = [m for m in asked if '"documentURL":"chrome' not in m]
    assert [m for m in ours if "file://" not in m and '"url":"data:,"' not in m] == []


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("name", ["verify", "probe", "not-run", "empty"])
def test_nothing_sticks_out_to_the_side(browser, files, name: str, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(files[name])
    assert browser.execute_script("const d = document.documentElement; return d.scrollWidth - d.clientWidth") == 0


def test_charts_are_drawn(page) -> None:
    boxes = page.execute_script("""
        return [...document.querySelectorAll('.comparison:not(.unchosen) path.line')].map(p => {
            const box = p.getBoundingClientRect();
            return [p.closest('.chart').querySelector('figcaption').textContent, box.width, box.height, getComputedStyle(p).stroke];
        })""")
    assert len(boxes) >= 18
    assert [b for b in boxes if b[1] < 40 or (b[2] < 5 and not b[0].startswith(("projector", "subspace")))] == []
    assert len({b[3] for b in boxes}) == 2


def test_a_chart_tells_values_under_the_pointer_and_by_the_keys(page) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    area = page.find_element("css selector", ".plot .area")
    page.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", area)
    ActionChains(page).move_to_element(area).perform()
    tip = page.find_element("css selector", ".hovered .tip")
    assert tip.is_displayed()
    step, *rows = tip.text.splitlines()
    assert step in {"optimizer step 24", "optimizer step 25"}
    names = [row for row in rows if row in {"as is", "with the fix"}]
    assert names == ["as is", "with the fix"]
    plot = page.find_element("css selector", ".plot")
    plot.send_keys("\ue014")  # arrow right
    assert page.find_element("css selector", ".hovered .tip-step").text != step


def test_one_comparison_is_shown_at_a_time(page) -> None:
    shown = "return [...document.querySelectorAll('.comparison')].filter(c => c.offsetHeight).map(c => c.id)"
    assert page.execute_script(shown) == ["comparison-1"]
    click(page, "[data-show='comparison-3']")
    assert page.execute_script(shown) == ["comparison-3"]


def test_a_card_s_link_shows_its_curves(page) -> None:
    shown = "return [...document.querySelectorAll('.comparison')].filter(c => c.offsetHeight).map(c => c.id)"
    click(page, "#fix-2 .to-curves a")
    assert page.execute_script(shown) == ["comparison-2"]
    page.get(page.current_url)
    page.refresh()
    assert page.execute_script(shown) == ["comparison-2"]


def test_the_table_sorts(page) -> None:
    click(page, "[data-key='name']")
    up = names(page)
    assert up == sorted(up)
    click(page, "[data-key='name']")
    assert names(page) == up[::-1]
    click(page, "[data-key='value']")
    values = page.execute_script(
        "return [...document.querySelectorAll('#probe-table tbody tr')].map(r => r.dataset.value).filter(v => v).map(Number)"
    )
    assert values == sorted(values)
    head = page.find_element("css selector", "[data-key='value']").find_element("xpath", "..")
    assert head.get_attribute("aria-sort") == "ascending"


def test_the_table_filters(page) -> None:
    everything = names(page)
    click(page, "[data-status='not seen']")
    assert names(page) == ["memory", "pseudo-label-use", "validation-loss"]
    field = page.find_element("id", "probe-text")
    field.send_keys("CUDA")
    assert names(page) == ["memory"]
    assert page.find_element("id", "probe-count").text == f"1 of {len(everything)} probes"
    field.clear()
    field.send_keys(" ")
    click(page, "[data-status='']")
    assert names(page) == everything
    click(page, "[data-status='changed']")
    assert set(names(page)) == {"planned-steps", "loss-terms"}


def test_a_probe_s_name_opens_its_documentation(page) -> None:
    assert not page.find_element("id", "probe-gradient-norm-doc").is_displayed()
    click(page, "#probe-gradient-norm .name")
    assert "What it measures" in page.find_element("id", "probe-gradient-norm-doc").text


def test_follows_the_system_s_theme_and_the_button(page) -> None:
    light = background(page)
    scheme(page, "dark")
    dark = background(page)
    assert light != dark
    click(page, "#theme")
    assert background(page) == light
    page.refresh()
    assert background(page) == light
    click(page, "#theme")
    scheme(page, "light")
    assert background(page) == dark


@pytest.mark.parametrize("name", ["light", "dark"])
def test_text_has_contrast(page, name: str) -> None:
    """WCAG 2.1, 1.4.3: at least 4.5 to 1. https://www.w3.org/TR/WCAG21/#contrast-minimum"""
    scheme(page, name)
    page.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    low = page.execute_script("""
        const numbers = c => c.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => { const f = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
            return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
        const behind = e => { for (; e; e = e.parentElement) { const c = numbers(getComputedStyle(e).backgroundColor);
            if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
        const found = new Map();
        const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
        while (walk.nextNode()) { const e = walk.currentNode.parentElement;
            if (!walk.currentNode.textContent.trim() || !e.checkVisibility() || ['SCRIPT', 'STYLE'].includes(e.tagName)) continue;
            const [a, b] = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
            const ratio = (a + 0.05) / (b + 0.05);
            if (ratio < 4.5) found.set(e.className || e.tagName, ratio); }
        return [...found];""")
    assert low == []


def test_prints_everything(page) -> None:
    printed = page.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})
    assert len(printed["data"]) > 50_000
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    shown = "return [...document.querySelectorAll('.comparison')].filter(c => c.offsetHeight).length"
    try:
        assert page.execute_script(shown) == 4
        assert not page.find_element("css selector", ".bar").is_displayed()
    finally:
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
