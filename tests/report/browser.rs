//! The page in a real browser: at the width of a phone and of a desk, light and dark. `LAPIDARY_PICTURES` names a folder in which
//! its pictures are left, PNG in base 64.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::driver::Browser;
use super::{report, runs, text};

/// What would be wrong with how the page looks, in words: everything is opened first.
const LOOK: &str = r#"
const wrong = [];
for (const details of document.querySelectorAll("details")) details.open = true;
if (document.documentElement.scrollWidth > innerWidth)
  wrong.push(`the page is ${document.documentElement.scrollWidth} wide`);
for (const element of document.querySelectorAll("main *")) {
  if (element.closest(".wide") || element.closest("svg")) continue;
  const box = element.getBoundingClientRect();
  if (box.width && (box.left < -1 || box.right > innerWidth + 1))
    wrong.push(`<${element.tagName} class="${element.className}"> reaches from ${box.left} to ${box.right}`);
}
for (const card of document.querySelectorAll(".card")) {
  const edge = card.getBoundingClientRect().right + 1;
  for (const element of card.querySelectorAll("*")) {
    if (element.closest(".wide") || element.closest("svg")) continue;
    if (element.getBoundingClientRect().right > edge) wrong.push(`<${element.tagName}> leaves its card`);
  }
}
const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
for (const svg of document.querySelectorAll("svg")) {
  const labels = [...svg.querySelectorAll("text")].map((label) => [label.textContent, label.getBoundingClientRect()]);
  const frame = svg.getBoundingClientRect();
  labels.forEach(([text, box], n) => {
    if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
      wrong.push(`"${text}" leaves its picture`);
    const scale = frame.width / svg.viewBox.baseVal.width;
    if (12 * scale < 9) wrong.push(`"${text}" is ${12 * scale} px high`);
    for (const [other, at] of labels.slice(0, n)) if (!apart(box, at)) wrong.push(`"${text}" over "${other}"`);
  });
}
const rows = (selector) => [...document.querySelectorAll(selector)].map((e) => [e.textContent, e.getBoundingClientRect()]);
const cells = rows(".intervals th, .intervals td.value, .ends > span, dt, dd");
cells.forEach(([text, box], n) => {
  for (const [other, at] of cells.slice(Math.max(0, n - 4), n))
    if (box.width && at.width && !apart(box, at)) wrong.push(`"${text}" over "${other}"`);
});
return wrong;
"#;

/// The least contrast of text with what is behind it.
const CONTRAST: &str = r#"
const light = (colour) => {
  const [r, g, b] = colour.match(/[\d.]+/g).map(Number).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if (colour !== "rgba(0, 0, 0, 0)") return light(colour);
  }
  return 1;
};
let least = 21;
for (const element of document.querySelectorAll("h1, h2, h3, p, li, dt, dd, th, td, summary, a, .soft, .ends, .letter, figcaption")) {
  const [a, b] = [light(getComputedStyle(element).color), behind(element)];
  least = Math.min(least, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05));
}
return least;
"#;

/// Names and headings that a reader by ear needs.
const NAMES: &str = r#"
const wrong = [];
for (const svg of document.querySelectorAll("svg"))
  if (svg.getAttribute("aria-hidden") !== "true" && !svg.getAttribute("aria-label")) wrong.push("a picture without a name");
let last = 0;
for (const heading of document.querySelectorAll("h1, h2, h3, h4")) {
  const level = Number(heading.tagName[1]);
  if (level > last + 1 && heading.id !== "missing") wrong.push(`${heading.textContent} skips a level`);
  last = level;
}
const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
if (new Set(ids).size !== ids.length) wrong.push("an id stands twice");
for (const link of document.querySelectorAll("a")) if (!document.querySelector(link.getAttribute("href"))) wrong.push(link.href);
for (const region of document.querySelectorAll(".wide")) if (region.tabIndex !== 0) wrong.push("a wide table without the keyboard");
return wrong;
"#;

/// Colours of the map before and after another attribute is chosen, and what is said of the chosen point.
const CHOOSE: &str = r#"
const figure = document.querySelector("[data-map]");
const classes = () => [...figure.querySelectorAll(".map circle")].map((c) => c.getAttribute("class"));
const before = classes();
const select = figure.querySelector("select");
select.selectedIndex = 1;
select.dispatchEvent(new Event("change"));
figure.querySelector(".map").focus();
return [before, classes(), select.offsetParent !== null];
"#;

fn page(name: &str, folders: &[&PathBuf]) -> PathBuf {
    let runs = runs();
    text(&report(runs, folders, &["-o", name]));
    runs.place.path(name)
}

/// Messages of the console, and requests for anything but the page itself.
fn noise(browser: &Browser, page: &str) -> Vec<Value> {
    let mut noise = browser.log("browser");
    for entry in browser.log("performance") {
        let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
        let message = &message["message"];
        let url = message["params"]["request"]["url"]
            .as_str()
            .unwrap_or_default();
        let own = url.ends_with(page) || url.starts_with("data:");
        if message["method"] == "Network.requestWillBeSent" && !own {
            noise.push(json!(url));
        }
    }
    noise
}

#[test]
fn the_page_stands_in_a_browser() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let runs = runs();
    let pages = [
        page("one.html", &[&runs.first]),
        page("several.html", &[&runs.first, &runs.second]),
    ];
    for file in &pages {
        let name = file.file_name().unwrap().to_str().unwrap();
        for width in [390, 1280] {
            for scheme in ["light", "dark"] {
                browser.open(file, width, scheme);
                let at = format!("{name} at {width} px, {scheme}");
                assert_eq!(browser.ask(LOOK), json!([]), "{at}");
                let contrast = browser.ask(CONTRAST).as_f64().unwrap();
                assert!(contrast >= 4.5, "{at}: a text has a contrast of {contrast}");
                assert_eq!(browser.ask("return innerWidth"), width, "{at}");
                assert_eq!(noise(&browser, name), Vec::<Value>::new(), "{at}");
                if let Some(folder) = std::env::var_os("LAPIDARY_PICTURES") {
                    let picture =
                        PathBuf::from(folder).join(format!("{name}-{width}-{scheme}.base64"));
                    std::fs::write(picture, browser.picture()).unwrap();
                }
            }
        }
        assert_eq!(browser.ask(NAMES), json!([]), "{name}");
    }
}

#[test]
fn the_map_is_coloured_by_what_is_chosen_and_told_to_the_keyboard() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let file = page("map.html", &[&runs().first]);
    browser.open(&file, 1280, "light");
    let chosen = browser.ask(CHOOSE);
    assert_eq!(chosen[0].as_array().unwrap().len(), 40);
    assert!(
        chosen[0] != chosen[1],
        "another attribute has other colours"
    );
    assert_eq!(chosen[2], true, "the chooser is shown");
    let said = || browser.ask("return document.querySelector('[data-map] output').textContent");
    assert_eq!(said(), "");
    browser.press("ArrowRight");
    let first = said();
    let text = first.as_str().unwrap();
    assert!(
        text.contains("above ") && text.contains("long attribute"),
        "{text}"
    );
    browser.press("ArrowRight");
    assert!(said() != first, "the next point is told");
    assert_eq!(
        browser.ask("return document.querySelectorAll('.chosen').length"),
        1
    );
    assert_eq!(noise(&browser, "map.html"), Vec::<Value>::new());
}

#[test]
fn the_page_reads_without_its_script() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let file = page("plain.html", &[&runs().first]);
    let page = std::fs::read_to_string(&file).unwrap();
    let (before, rest) = page.split_once("<script>").unwrap();
    let (_, after) = rest.split_once("</script>").unwrap();
    std::fs::write(&file, format!("{before}{after}")).unwrap();
    browser.open(&file, 390, "light");
    let shown = browser.ask(
        "return [document.querySelector('[data-map] label').offsetParent === null, \
         document.querySelectorAll('.map circle.q6').length > 0, document.querySelectorAll('.curve').length > 0]",
    );
    assert_eq!(shown, json!([true, true, true]));
}
