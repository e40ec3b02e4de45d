// Draws every chart of the page. SVG, so that CSS sets the colours and print is sharp; `ast`, so that no text is run as code.
const page = JSON.parse(document.getElementById("chart-data").textContent);
Promise.all(
  Object.entries(page.charts).map(([id, spec]) =>
    vegaEmbed(`#${id}`, spec, {
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
    }),
  ),
).then(() => document.documentElement.setAttribute("data-charts", "drawn"));
