// Finds customers: filters, sorts, explains, copies and downloads them. Texts of the data are only ever set as text.
const element = (id) => document.getElementById(id);
const { language, currency } = element("customer-data").dataset;
const AT_ONCE = 25;
const NEAR_A_BORDER = 0.1;
// A spreadsheet takes a cell that begins like this for a formula.
const FORMULA = /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/;

const whole = new Intl.NumberFormat(language);
const money = new Intl.NumberFormat(
  language,
  currency ? { style: "currency", currency } : { minimumFractionDigits: 2, maximumFractionDigits: 2 },
);
const day = new Intl.DateTimeFormat(language.startsWith("en") ? language : "sv", {
  dateStyle: language.startsWith("en") ? "long" : "short",
  timeZone: "UTC",
});

const read = async () => {
  const packed = Uint8Array.from(atob(element("customer-data").textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
};

const start = (all) => {
  const filters = element("filters");
  const body = element("customer-table").tBodies[0];
  const [moved, overridden] = [new Set(all.moved), new Set(all.overridden)];
  const setsOf = (rows) => new Map(all.lists.map((list) => [list.id, new Set(list[rows])]));
  const [toContact, heldOut] = [setsOf("rows"), setsOf("heldOut")];
  const actionsOf = (row, sets) => all.lists.filter(({ id }) => sets.get(id).has(row)).map(({ action }) => action);
  const order = { column: "spending", descending: true };
  let found = [];
  let shown = 0;
  const value = (name) => (filters.elements[name] ? filters.elements[name].value : "");

  const bought = {
    "": () => true,
    active: (row) => all.days[row] !== null && all.quiet[row] === "0",
    quiet: (row) => all.quiet[row] === "1",
  };
  const boughtLast = (choice) =>
    bought[choice] ??
    ((row) => all.days[row] !== null && (choice < 0 ? all.days[row] <= -choice : all.days[row] > Number(choice)));

  const select = () => {
    const part = value("id").trim().toLowerCase();
    const segment = value("segment") === "" ? -1 : Number(value("segment"));
    const recency = boughtLast(value("recency"));
    const list = toContact.get(value("list"));
    const chosen = all.attributes
      .map((attribute, place) => [attribute.codes, value(`attribute${place}`)])
      .filter(([, code]) => code !== "");
    const border = filters.elements.border.checked;
    const movers = filters.elements.moved?.checked;
    found = [];
    for (let row = 0; row < all.id.length; row += 1) {
      if (
        (segment < 0 || all.segment[row] === segment) &&
        (part === "" || all.id[row].toLowerCase().includes(part)) &&
        recency(row) &&
        (!list || list.has(row)) &&
        chosen.every(([codes, code]) => codes[row] === Number(code)) &&
        (!border || (all.margin[row] !== null && all.margin[row] < NEAR_A_BORDER)) &&
        (!movers || moved.has(row))
      ) {
        found.push(row);
      }
    }
    sort();
  };

  const sort = () => {
    const column = all[order.column];
    const sign = order.descending ? -1 : 1;
    const compare =
      order.column === "id"
        ? (one, other) => (column[one] < column[other] ? -sign : column[one] > column[other] ? sign : 0)
        : (one, other) => sign * (column[one] - column[other]);
    // Missing values come last, whatever the direction. Sorting is stable: equal rows keep their order.
    found.sort((one, other) => {
      const missing = (column[one] === null) - (column[other] === null);
      return missing || (column[one] === null ? 0 : compare(one, other)) || one - other;
    });
    show();
  };

  const show = () => {
    body.replaceChildren();
    shown = 0;
    const spent = found.reduce((sum, row) => sum + Math.round((all.spending[row] ?? 0) * 100), 0) / 100;
    const forbidden = found.filter((row) => all.suppressed[row] && !actionsOf(row, toContact).length).length;
    element("found").textContent =
      found.length === 0
        ? "No customer has all of this."
        : `${whole.format(found.length)} of ${whole.format(all.id.length)} customers, who have spent ${money.format(spent)}.` +
          (forbidden ? ` ${whole.format(forbidden)} of them must not be contacted.` : "");
    element("done").textContent = "";
    for (const id of ["download", "copy"]) element(id).disabled = found.length === 0;
    more();
  };

  const more = () => {
    const next = found.slice(shown, shown + AT_ONCE);
    shown += next.length;
    body.append(...next.map(rowOf));
    element("more").hidden = shown >= found.length;
  };

  const cell = (text, className) => {
    const td = document.createElement("td");
    td.textContent = text;
    if (className) td.className = className;
    return td;
  };

  const rowOf = (row) => {
    const tr = document.createElement("tr");
    const name = document.createElement("td");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = all.id[row];
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") === "true";
      if (open) tr.nextElementSibling.remove();
      else tr.after(explained(row));
      button.setAttribute("aria-expanded", String(!open));
    });
    name.className = "name";
    name.append(button);
    tr.append(
      name,
      cell(all.segments[all.segment[row]], "words"),
      cell(all.spending[row] === null ? "–" : money.format(all.spending[row])),
      cell(all.purchases[row] === null ? "–" : whole.format(all.purchases[row])),
      cell(all.days[row] === null ? "–" : whole.format(all.days[row])),
    );
    return tr;
  };

  // Why this customer is here.
  const explained = (row) => {
    const facts = [];
    if (all.reason[row] !== null) facts.push(["Why this group", all.reasons[all.reason[row]]]);
    if (all.runnerUp[row] !== null && all.margin[row] !== null) {
      const near = all.margin[row] < NEAR_A_BORDER;
      facts.push([
        "Next nearest group",
        `${all.segments[all.runnerUp[row]]}; ${all.margin[row].toLocaleString(language)} on a scale from 0, on the` +
          ` border, to 1, in the middle of this group${near ? ": near the border" : ""}`,
      ]);
    }
    if (all.days[row] !== null) {
      facts.push([
        "Last purchase",
        `${whole.format(all.days[row])} ${all.days[row] === 1 ? "day" : "days"} ago: ` +
          (all.quiet[row] === "1" ? "has gone quiet" : "active") +
          (all.once[row] === "1" ? ", bought once" : ""),
      ]);
    }
    all.attributes.forEach(({ label, values, codes }) => {
      if (codes[row] !== null) facts.push([label, values[codes[row]]]);
    });
    const [contacts, without] = [actionsOf(row, toContact), actionsOf(row, heldOut)];
    if (all.suppressed[row]) facts.push(["Must not be contacted", all.suppressed[row]]);
    if (contacts.length) facts.push(["To contact now", contacts.join("; ")]);
    if (without.length) facts.push(["Held out of", `${without.join("; ")} (do not contact)`]);
    const stays = all.history[row];
    const groups = stays
      ?.map(([segment, from]) => `${all.segments[segment]} from ${day.format(new Date(from))}`)
      .join(", then ");
    // The history has the segments of the model.
    if (!overridden.has(row)) facts.push(["Groups so far", groups ?? "always this one"]);
    else if (stays) facts.push(["Groups of the model so far", groups]);
    const tr = document.createElement("tr");
    tr.className = "why-here";
    const td = document.createElement("td");
    td.colSpan = 5;
    const dl = document.createElement("dl");
    for (const [term, text] of facts) {
      const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
      dt.textContent = term;
      dd.textContent = text;
      dl.append(dt, dd);
    }
    td.append(dl);
    tr.append(td);
    return tr;
  };

  // ---- lists to take away

  const csv = () => {
    const header = [
      ...["customer_id", "segment_name", "total_spending", "transaction_count", "days_since_last_transaction"],
      ...["is_quiet", "margin", "runner_up_segment_name", "reason", "to_contact_now", "held_out_of"],
      "must_not_be_contacted",
      ...all.attributes.map(({ label }) => label),
    ];
    const spending = header.indexOf("total_spending");
    const quoted = (content, column) => {
      if (content === null || content === undefined) return "";
      // Spending is a number, even a negative one.
      const isFormula = typeof content === "string" && column !== spending && FORMULA.test(content);
      const text = isFormula ? `'${content}` : String(content);
      // Excel separates the cells by semicolons in some countries.
      return /[",;\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = found.map((row) => [
      ...[all.id[row], all.segments[all.segment[row]], all.spending[row]?.toFixed(2), all.purchases[row]],
      ...[all.days[row], all.days[row] === null ? null : all.quiet[row] === "1", all.margin[row]],
      ...[all.segments[all.runnerUp[row]], all.reasons[all.reason[row]]],
      ...[actionsOf(row, toContact).join("; "), actionsOf(row, heldOut).join("; ")],
      all.suppressed[row],
      ...all.attributes.map(({ values, codes }) => values[codes[row]]),
    ]);
    // A byte-order mark tells Excel that the file is in UTF-8.
    return `\ufeff${[header, ...lines].map((line) => line.map(quoted).join(",")).join("\r\n")}\r\n`;
  };

  const fileName = () => {
    const segment = all.segments[value("segment")];
    const words = [value("list"), segment, value("recency").replace(/^-/, "within-")].filter(Boolean).join(" ");
    return `${["customers", ...(words.toLowerCase().match(/[a-z0-9]+/g) ?? [])].join("-").slice(0, 80)}.csv`;
  };

  element("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv;charset=utf-8" }));
    link.download = fileName();
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    element("done").textContent = `${link.download} has ${whole.format(found.length)} customers.`;
  });

  element("copy").addEventListener("click", async () => {
    const ids = found.map((row) => all.id[row]).join("\n");
    try {
      await navigator.clipboard.writeText(ids);
    } catch {
      // Where the page may not write to the clipboard, as in some previews.
      const area = document.createElement("textarea");
      area.value = ids;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
      element("copy").focus();
    }
    element("done").textContent = `${whole.format(found.length)} ids are on the clipboard, one per line.`;
  });

  // ---- controls

  let waiting;
  filters.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(select, 80);
  });
  filters.addEventListener("reset", () => setTimeout(select));
  filters.addEventListener("submit", (event) => event.preventDefault());
  element("more").addEventListener("click", more);
  for (const th of document.querySelectorAll("#customer-table th[data-sort]")) {
    th.addEventListener("click", () => {
      const isSame = order.column === th.dataset.sort;
      // Numbers begin with the largest, texts with the first.
      order.descending = isSame ? !order.descending : !["id", "segment"].includes(th.dataset.sort);
      order.column = th.dataset.sort;
      for (const other of th.parentElement.children) other.removeAttribute("aria-sort");
      th.setAttribute("aria-sort", order.descending ? "descending" : "ascending");
      sort();
    });
  }
  for (const button of document.querySelectorAll("button.show")) {
    button.addEventListener("click", () => {
      filters.reset();
      const { list, segment, audience } = button.dataset;
      filters.elements.segment.value = segment;
      if (list !== undefined) filters.elements.list.value = list;
      else filters.elements.recency.value = audience === "everyone" ? "" : audience;
      setTimeout(() => {
        select();
        element("customers-title").focus({ preventScroll: true });
        element("customers").scrollIntoView();
      });
    });
  }
  select();
  document.documentElement.setAttribute("data-customers", "ready");
};

// A browser that cannot unpack the customers shows the page without them.
read()
  .then((all) => {
    document.querySelectorAll(".scripted").forEach((part) => (part.hidden = false));
    start(all);
  })
  .finally(() => document.dispatchEvent(new Event("customers-ready")));
