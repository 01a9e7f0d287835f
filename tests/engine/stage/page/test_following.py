"""The cursor: on the right heads, never back, where the music goes; pages as they are needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.core.kernel_cache import COMPILING
from tests.engine.stage.page.browser import TABLET, WIDE, Browser, eventually
from tests.engine.stage.page.music import SmallScore
from tests.optional import optional
from tests.tolerances import CURSOR_PX

pytestmark = pytest.mark.slow
for package in ("aiohttp", "verovio", "selenium"):
    optional(package)

BOUNCE_MS = 260  # a second press sooner is that of a pedal that bounces (keys.js)
PLACES = """
(async () => {
  const layout = stage.score.layout, rows = [];
  for (let page = 1; page <= layout.bundle.n_pages; page++) {
    layout.open(page);
    while (!layout.book.page(page)) await new Promise((done) => setTimeout(done, 20));
    layout.render();
    const sheet = layout.element.getBoundingClientRect();
    layout.anchors.pages.forEach((at, i) => {
      if (at !== page) return;
      const where = layout.seen(layout.anchors.quarters[i]);
      const heads = layout.anchors.notes[i].map((n) => document.querySelector(`.page.shown #cp${n} .notehead`));
      const boxes = heads.map((head) => head.getBoundingClientRect());
      const inside = boxes.every((box) => where && box.top > where.top - 40 && box.bottom < where.bottom + 40);
      rows.push([i, where && where.x, boxes.map((box) => box.x + box.width / 2 - sheet.x), inside]);
    });
  }
  return rows;
})()
"""
RECORD = """
(() => {
  window.seen = [];
  const look = () => {
    const score = stage.score, place = score.layout.place;
    const {onset, page, system, x} = place ?? {onset: -1, page: 0, system: -1, x: 0};
    window.seen.push([score.quarter, onset, page, system, x]);
    requestAnimationFrame(look);
  };
  look();
})()
"""


def following(browser: Browser, server: object, size: tuple[int, int] = TABLET) -> None:
    browser.open(server.url, size)  # type: ignore[attr-defined]
    browser.ready()
    server.state("following")  # type: ignore[attr-defined]
    browser.until("stage.score.state == 'following'")


@pytest.mark.parametrize("size", [TABLET, WIDE])
def test_every_onset_is_on_its_heads(
    browser: Browser, stand_in: Callable, study: SmallScore, size: tuple[int, int]
) -> None:
    following(browser, server := stand_in(), size)
    browser.driver.set_script_timeout(120)
    rows = browser.driver.execute_async_script(f"const done = arguments[0]; {PLACES.strip()}.then(done)")
    assert [row[0] for row in sorted(rows)] == list(range(len(study.onsets)))
    for i, x, heads, inside in rows:
        assert x == pytest.approx(sorted(heads)[(len(heads) - 1) // 2], abs=CURSOR_PX + 6), i  # heads a second apart
        assert inside, i
    assert server.clients == 1
    assert not browser.complaints()


def test_the_cursor_never_goes_back_in_steady_playing(browser: Browser, stand_in: Callable) -> None:
    following(browser, server := stand_in())
    browser.driver.execute_script(RECORD)
    server.play(33.0, 45.0, bpm=180, wobble=0.2)
    seen = browser.js("window.seen.filter((row) => row[0] > 32)")
    quarters = [row[0] for row in seen]
    assert quarters == sorted(quarters)
    assert [row[2:] for row in seen] == sorted(row[2:] for row in seen)  # page, system, x
    assert len({row[1] for row in seen}) > 4  # of 24 onsets: a busy machine shows few frames
    assert browser.js("stage.score.layout.turns") == 0


def test_a_jump_is_made_in_one_frame(browser: Browser, stand_in: Callable) -> None:
    following(browser, server := stand_in())
    server.position(60.0)
    browser.until("stage.score.quarter == 60")
    browser.driver.execute_script(RECORD)
    server.position(40.0)
    browser.until("stage.score.quarter == 40")
    assert set(browser.js("window.seen.map((row) => row[0])")) <= {60, 40}


def test_less_than_a_quarter_back_is_waited_for(browser: Browser, stand_in: Callable) -> None:
    following(browser, server := stand_in())
    server.position(60.0)
    browser.until("stage.score.quarter == 60")
    server.position(59.4)
    server.position(59.5)
    browser.until("stage.told.pos.q == 59.5")
    assert browser.js("stage.score.quarter") == 60
    server.position(60.8)
    browser.until("Math.abs(stage.score.quarter - 60.8) < 0.01")


def test_the_next_page_comes_by_halves(browser: Browser, stand_in: Callable, study: SmallScore) -> None:
    following(browser, server := stand_in())
    first = browser.js("stage.score.layout.bundle.pages[0].bars")
    server.position(study.quarter_of_bar(first[0]))
    browser.until("stage.score.quarter > 0")
    assert browser.shown() == [1]
    server.position(study.quarter_of_bar(first[1]))
    browser.until("document.querySelectorAll('.page.shown').length == 2")
    assert browser.text(".fold-label") == f"↑ next page, bar {first[1] + 1}"
    fold = browser.box(".fold")["y"]
    assert browser.cursor() is not None
    assert browser.box(".band")["y"] > fold
    # cut between systems: none of either page crosses the line
    for page in (1, 2):
        lines = browser.js(
            "[...document.querySelectorAll(`.page[data-page='${arguments[0]}'] g.system`)]"
            ".map(s => s.getBoundingClientRect().toJSON())",
            page,
        )
        assert not [box for box in lines if box["top"] < fold - 4 and box["bottom"] > fold + 4 and page == 1]
    server.position(study.quarter_of_bar(first[1] + 1))
    browser.until("document.querySelectorAll('.page.shown').length == 1")
    assert browser.shown() == [2]
    assert browser.cursor() is not None


def test_at_a_repeat_the_page_comes_to_which_the_music_goes(browser: Browser, stand_in: Callable) -> None:
    server = stand_in()
    server.scores["one"] = score = SmallScore(n_bars=64, repeated=55)
    following(browser, server)
    end_of_first_pass = score.bars[54][0]
    server.position(end_of_first_pass)
    browser.until("document.querySelectorAll('.page.shown').length == 2")
    assert browser.text(".fold-label") == "↑ back to bar 1"
    assert browser.shown() == [1, 2]
    server.position(score.bars[55][0])  # bar 1 again
    browser.until("document.querySelectorAll('.page.shown').length == 1")
    assert browser.shown() == [1]
    assert browser.text("#strip-bar") == "1"


def test_a_repeat_within_the_page_turns_nothing(browser: Browser, stand_in: Callable) -> None:
    server = stand_in()
    server.scores["one"] = score = SmallScore(n_bars=40, repeated=26)
    following(browser, server)
    server.position(score.bars[24][0])  # in the lower half, the music goes up again first
    browser.until("stage.score.quarter > 90 && document.querySelector('.lit')")
    assert browser.shown() == [1]
    server.position(score.bars[26 + 26][0])  # the second time it goes on
    browser.until("document.querySelectorAll('.page.shown').length == 2")


def test_of_two_pages_the_left_turns_after_the_right_has_begun(
    browser: Browser, stand_in: Callable, study: SmallScore
) -> None:
    following(browser, server := stand_in(), WIDE)
    assert browser.shown() == [1, 2]
    second = browser.js("stage.score.layout.bundle.pages[1].bars[0]")
    server.position(study.quarter_of_bar(second))
    browser.until("stage.score.layout.place?.page == 2")
    assert browser.shown() == [1, 2]
    server.position(study.quarter_of_bar(second + 1))
    browser.until("document.querySelector('.page[data-page=\"3\"].shown')")
    assert browser.shown() == [2, 3]
    assert browser.box(".page[data-page='3']")["x"] < browser.box(".page[data-page='2']")["x"]


def test_turned_by_hand_the_page_stays_until_the_music_is_there(
    browser: Browser, stand_in: Callable, study: SmallScore
) -> None:
    following(browser, server := stand_in())
    server.position(33.0)
    browser.until("stage.score.quarter == 33")
    browser.press("PageDown")
    browser.until(f"performance.now() > {browser.js('performance.now()') + BOUNCE_MS}")
    browser.press("ArrowRight")
    browser.until("!document.querySelector('.page[data-page=\"1\"].shown')")
    assert browser.shown() == [2]
    assert "back to the music" in browser.text(".pill")
    server.position(36.0)
    browser.until("stage.score.quarter == 36")
    assert browser.shown() == [2]
    bars = browser.js("stage.score.layout.bundle.pages[1].bars")
    server.position(study.quarter_of_bar(bars[0]) + 1)
    browser.until("stage.score.layout.place && document.querySelector('.pill').hidden")
    browser.press("ArrowLeft")
    browser.until(f"performance.now() > {browser.js('performance.now()') + BOUNCE_MS}")
    browser.press("PageUp")
    browser.until("!document.querySelector('.page[data-page=\"2\"].shown')")
    assert browser.shown() == [1]
    browser.until("!document.querySelector('.pill').hidden")
    browser.click(".pill-go")
    browser.until("stage.score.layout.place && !document.querySelector('.page[data-page=\"1\"].shown')")
    assert browser.shown() == [2]


def test_beats_are_those_of_the_metre(browser: Browser, stand_in: Callable) -> None:
    following(browser, server := stand_in())
    server.position(34.5)
    browser.until("document.querySelector('.dot.now')")
    assert browser.js("[...document.querySelectorAll('.strip-dots .dot')].map((d) => d.classList.contains('now'))") == [
        False,
        False,
        True,
        False,
    ]
    told = browser.driver.execute_async_script(
        "const done = arguments[0]; import('/static/js/score/bars.js').then(({Bars}) => {"
        # bar, beat, beats of 6/8; an upbeat counts to its end
        " const bars = new Bars({bars: [[-1.5, 0], [0, 1], [3, 2]], end_quarter: 6, meters: [[-1.5, 1, 1.5]]});"
        " done([-0.5, 0, 1.6, 4.4].map((q) => Object.values(bars.beat(q)))); })"
    )
    assert told == [
        [0, 2, 2],
        [1, 1, 2],
        [1, 2, 2],
        [2, 1, 2],
    ]  # bar, beat, beats of 6/8; an upbeat counts to its end


def test_while_lost_nothing_moves(browser: Browser, stand_in: Callable, study: SmallScore) -> None:
    following(browser, server := stand_in())
    server.position(33.0)
    browser.until("stage.score.quarter == 33")
    server.state("lost", perhaps=[8.0, 41.0])
    browser.until("document.body.dataset.state == 'lost'")
    server.position(200.0)
    browser.until("stage.told.pos.q == 200")
    assert browser.js("stage.score.quarter") == 33
    assert browser.shown() == [1]
    assert browser.js("document.querySelector('.band').dataset.mode") == "lost"
    assert len(browser.js("[...document.querySelectorAll('.bracket-guess')]")) == 2
    server.state("following")
    server.position(200.0)
    browser.until("stage.score.quarter == 200")


def test_a_loss_that_passes_at_once_is_not_shown(browser: Browser, stand_in: Callable) -> None:
    following(browser, server := stand_in())
    browser.driver.execute_script(
        "const word = document.querySelector('.strip-word'); window.words = [];"
        "new MutationObserver(() => window.words.push(word.textContent)).observe(word, {childList: true})"
    )
    browser.driver.execute_script(  # both in one task, whatever the load
        "for (const name of ['lost', 'following']) stage.tell('state', {name})"
    )
    server.state("paused")
    browser.until("document.body.dataset.state == 'paused'")
    assert browser.js("window.words") == ["Paused"]


def test_the_place_outlives_a_reload_and_another_shape_of_the_screen(browser: Browser, stand_in: Callable) -> None:
    following(browser, server := stand_in())
    server.position(161.5)
    browser.until("location.hash.includes('161.5')")
    assert browser.text("#strip-bar") == "33"
    browser.size(*WIDE)
    browser.until("stage.score.layout?.spread")
    assert browser.text("#strip-bar") == "33"
    browser.until("stage.score.layout.place")
    browser.driver.refresh()
    browser.ready()
    assert browser.text("#strip-bar") == "33"
    assert server.clients == 1
    eventually(lambda: server.clients == 1, "the new line")


def test_another_shape_of_the_bars_is_laid_out_anew(browser: Browser, stand_in: Callable) -> None:
    following(browser, server := stand_in())
    asked = len(server.asked)
    server.say("score", id="one")
    eventually(lambda: "/api/score/one" in server.asked[asked:], "the score again")
    browser.until("stage.score.layout && !document.querySelector('.sheet.coming')")
    assert not browser.complaints()


def test_a_piano_roll_has_the_same_cursor(browser: Browser, stand_in: Callable, study: SmallScore) -> None:
    server = stand_in()
    server.scores["one"], server.kinds["one"] = SmallScore(n_bars=40, repeated=0), "roll"
    following(browser, server)
    for quarter in (0.5, 21.0, 30.5):
        server.position(quarter)
        browser.until("Math.abs(stage.score.quarter - arguments[0]) < 1e-6 && document.querySelector('.lit')", quarter)
        left = browser.js("document.querySelector('.lit .notehead').getBoundingClientRect().toJSON()")
        assert browser.cursor() == pytest.approx(left["x"] + left["width"] / 2, abs=CURSOR_PX)
    assert not [path for path in server.asked if path.startswith("/api/page")]
    assert not browser.complaints()


def test_a_slow_tablet_has_every_page_when_it_comes(browser: Browser, stand_in: Callable, study: SmallScore) -> None:
    server = stand_in()
    server.scores["one"] = SmallScore(n_bars=64, repeated=0)
    following(browser, server, (820, 640))
    server.position(30.0)
    browser.until("stage.score.quarter == 30 && stage.score.layout.place && stage.score.layout.book.page(2)")
    browser.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 6})
    try:
        browser.driver.execute_script(RECORD)
        server.play(30.0, 200.0, bpm=600)  # many times as fast as music, over three turns
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setCPUThrottlingRate", {"rate": 1})
    seen = browser.js("window.seen")
    assert not [row for row in seen if row[1] < 0]  # the cursor could be seen in every frame
    assert (
        len({row[2] for row in seen})
        == browser.js("stage.score.layout.anchors.pages[stage.score.layout.anchors.at(200)]")
        > 3
    )


def test_a_start_says_what_takes_so_long(browser: Browser, stand_in: Callable) -> None:
    """A file's session begins when the page opens: first it is stopped, then it starts, and may have to compile."""
    server = stand_in(running=False)
    browser.open(server.url)
    browser.ready()
    browser.until("document.querySelector('.strip-word').textContent == 'Stopped'")
    server.say("status", state="starting", message="")
    browser.until("document.querySelector('.strip-state').innerText.includes('a moment')")
    server.say("status", state="starting", message=COMPILING)
    browser.until("document.querySelector('.strip-line').textContent.includes('first start')")
    server.say("status", state="running", message=COMPILING)
    browser.until("document.querySelector('.strip-word').textContent == 'Waiting for you'")
    assert "first start" not in browser.text(".strip-state")


def test_a_piece_of_one_page_has_the_whole_screen(browser: Browser, stand_in: Callable) -> None:
    server = stand_in()
    server.scores["one"] = SmallScore(n_bars=12, repeated=0)
    following(browser, server, WIDE)
    assert browser.js("document.querySelector('.sheet').classList.contains('spread')") is False
    assert browser.shown() == [1]
    staff = browser.box(".page.shown .system")
    assert staff["width"] > 0.8 * WIDE[0]  # not the left half alone
    laid = len(server.asked)
    browser.size(WIDE[0], WIDE[1])
    browser.js("new Promise((done) => setTimeout(done, 300))")
    assert len(server.asked) == laid  # the same size is not laid out again
