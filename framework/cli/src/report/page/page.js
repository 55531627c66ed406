// The map's chooser, and what stands under the pointer or the arrow keys. Without it the map shows the first attribute.
"use strict";
for (const figure of document.querySelectorAll("[data-map]")) {
  const percent = JSON.parse(figure.querySelector("script").textContent);
  const [choice, map, said] = ["select", ".map", "output"].map((name) => figure.querySelector(name));
  const dots = [...map.querySelectorAll("circle")];
  let at = -1;
  const column = () => (choice ? choice.selectedIndex : -1);
  const say = () => {
    if (at < 0) return;
    const found = percent[at][column()];
    const place = found === undefined ? "" : `, ${choice.value}: above ${found} % of all items`;
    said.textContent = dots[at].querySelector("title").textContent + place;
  };
  const go = (to) => {
    if (at >= 0) dots[at].classList.remove("chosen");
    at = to;
    dots[at].classList.add("chosen");
    say();
  };
  map.addEventListener("pointerover", (event) => {
    const to = dots.indexOf(event.target.closest("circle"));
    if (to >= 0) go(to);
  });
  map.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step || dots.length === 0) return;
    event.preventDefault();
    go((at + step + dots.length) % dots.length);
  });
  if (!choice) continue;
  choice.addEventListener("change", () => {
    dots.forEach((dot, n) => {
      const step = Math.min(6, Math.floor((percent[n][column()] / 100) * 7));
      dot.setAttribute("class", `q${step}${n === at ? " chosen" : ""}`);
    });
    say();
  });
  for (const hidden of figure.querySelectorAll("[hidden]")) hidden.hidden = false;
}
