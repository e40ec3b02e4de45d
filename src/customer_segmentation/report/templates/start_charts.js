// Draws every chart of the page. SVG, so that colours are CSS and print stays sharp; `ast`, so that no text becomes code.
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
      // The figure says what the chart shows; its marks would be read one by one.
      document.querySelector(`#${id} svg`).setAttribute("aria-hidden", "true");
      return view;
    }),
  ),
).then(() => document.documentElement.setAttribute("data-charts", "drawn"));
