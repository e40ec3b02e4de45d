// Draws every chart of the page. SVG, so that CSS sets the colours and print is sharp; `ast`, so that no text is run as code.
const page = JSON.parse(document.getElementById("chart-data").textContent);
// The maps of other numbers of groups share their customers; a character is the place of a customer's group.
const chartOf = (id) =>
  page.places?.[id]
    ? {
        ...page.charts[id],
        data: { values: page.points.map(([x, y], customer) => ({ s: parseInt(page.places[id][customer], 36), x, y })) },
      }
    : page.charts[id];
const drawChart = (id) =>
  vegaEmbed(`#${id}`, chartOf(id), {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    ast: true,
    formatLocale: page.locale,
    tooltip: { theme: "page" },
  }).then(({ view }) => {
    // The figure has a text alternative; screen readers would read the marks one by one.
    document.querySelector(`#${id} svg`).setAttribute("aria-hidden", "true");
    return view;
  });

// A chart in a closed part of the page has no width yet: it is drawn when the part is opened.
const undrawn = new Set(Object.keys(page.charts));
// The map takes the longest: it is drawn after the customers can be searched.
const customersReady = document.getElementById("customer-data")
  ? new Promise((ready) =>
      document.addEventListener("customers-ready", () => requestAnimationFrame(() => setTimeout(ready))),
    )
  : Promise.resolve();
const drawVisible = () => {
  const visible = [...undrawn].filter((id) => !document.getElementById(id).closest("details:not([open])"));
  visible.forEach((id) => undrawn.delete(id));
  return Promise.all(
    visible.map((id) => (id === "chart-map" ? customersReady.then(() => drawChart(id)) : drawChart(id))),
  );
};
for (const details of document.querySelectorAll("details")) {
  details.addEventListener("toggle", () => drawVisible().then(() => details.setAttribute("data-charts", "drawn")));
}
drawVisible().then(() => document.documentElement.setAttribute("data-charts", "drawn"));

// A link into a closed part opens it.
const openTarget = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const closed = target && target.closest("details:not([open])");
  if (closed) {
    closed.open = true;
    target.scrollIntoView();
  }
};
addEventListener("hashchange", openTarget);
openTarget();

// A finger is wider than a mark: a tap shows the customer whose mark is nearest.
const map = document.getElementById("chart-map");
const NEAR_ENOUGH = 24;
let shownMark = null;
if (map) {
  map.addEventListener("pointerup", (tap) => {
    if (tap.pointerType !== "touch") return;
    let [nearest, distance] = [null, NEAR_ENOUGH];
    for (const mark of map.querySelectorAll(".mark-symbol path")) {
      const box = mark.getBoundingClientRect();
      const away = Math.hypot(box.x + box.width / 2 - tap.clientX, box.y + box.height / 2 - tap.clientY);
      if (away < distance) [nearest, distance] = [mark, away];
    }
    const send = (mark, types) =>
      types.forEach((type) =>
        mark.dispatchEvent(
          new PointerEvent(type, { bubbles: true, clientX: tap.clientX, clientY: tap.clientY, pointerType: "mouse" }),
        ),
      );
    // After the events that the browser itself makes of a tap.
    setTimeout(() => {
      if (shownMark) send(shownMark, ["pointerout", "mouseout"]);
      if (nearest) send(nearest, ["pointerover", "mouseover", "pointermove", "mousemove"]);
      shownMark = nearest;
    }, 60);
  });
}
