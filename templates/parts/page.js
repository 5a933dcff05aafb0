"use strict";

(() => {
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];

  // Light and dark: the button turns what is shown now.
  document.getElementById("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
    root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("mlfix-theme", root.dataset.theme);
    } catch (error) {
      // Kept for this view only.
    }
  });

  // One comparison at a time; on paper all of them.
  const choices = all(".picker button");
  const show = (chosen) => {
    for (const button of choices) {
      button.setAttribute("aria-pressed", String(button === chosen));
      document.getElementById(button.dataset.show).classList.toggle("unchosen", button !== chosen);
    }
  };
  for (const button of choices) button.addEventListener("click", () => show(button));
  const choose = (anchor) => {
    const chosen = choices.find((button) => `#${button.dataset.show}` === anchor);
    if (chosen) show(chosen);
    return chosen;
  };
  // A link into a comparison needs it shown before the browser goes there.
  for (const link of all(".to-curves a")) link.addEventListener("click", () => choose(link.hash));
  if (choices.length && !choose(location.hash)) show(choices[0]);

  // The probe table sorts by its heads and filters by text and status.
  const table = document.getElementById("probe-table");
  if (table) {
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const ranks = ["unhealthy", "healthy", "not seen"];
    const keys = {
      name: (row) => row.dataset.name,
      status: (row) => ranks.indexOf(row.dataset.status),
      value: (row) => (row.dataset.value === "" ? Infinity : Number(row.dataset.value)),
      changes: (row) => -Number(row.dataset.changes),
    };
    const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a === b ? 0 : a < b ? -1 : 1);
    for (const button of all("thead button", table)) {
      button.addEventListener("click", () => {
        const head = button.closest("th");
        const turn = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
        for (const other of all("th[aria-sort]", table)) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", turn === 1 ? "ascending" : "descending");
        const key = keys[button.dataset.key];
        rows.sort((a, b) => turn * compare(key(a), key(b)) || compare(keys.name(a), keys.name(b)));
        body.append(...rows);
      });
    }

    const words = new Map();
    for (const row of rows) {
      const copy = row.cloneNode(true);
      for (const doc of all(".doc", copy)) doc.remove();
      words.set(row, copy.textContent.toLowerCase());
    }
    const text = document.getElementById("probe-text");
    const count = document.getElementById("probe-count");
    const statuses = all(".choices button");
    let status = "";
    const filter = () => {
      const wanted = text.value.trim().toLowerCase();
      let left = 0;
      for (const row of rows) {
        const isOfStatus =
          !status || row.dataset.status === status || (status === "changed" && row.dataset.changes !== "0");
        row.hidden = !(isOfStatus && words.get(row).includes(wanted));
        left += row.hidden ? 0 : 1;
      }
      count.textContent = left === rows.length ? "" : `${left} of ${rows.length} probes`;
    };
    text.addEventListener("input", filter);
    for (const button of statuses) {
      button.addEventListener("click", () => {
        status = button.dataset.status;
        for (const other of statuses) other.setAttribute("aria-pressed", String(other === button));
        filter();
      });
    }
  }

  // Values under the pointer, a finger, or the arrow keys.
  const made = (tag, name, inside) => {
    const element = document.createElement(tag);
    element.className = name;
    inside.append(element);
    return element;
  };
  for (const plot of all(".plot")) {
    const area = plot.querySelector(".area");
    const unit = plot.closest(".chart").querySelector(".unit");
    let data = null;
    let place = -1;
    let cursor, tip, dots;
    const open = () => {
      data = JSON.parse(plot.dataset.chart);
      cursor = made("div", "cursor", area);
      dots = data.rows.map((row) => made("div", `hover-dot ${row.tree}`, area));
      tip = made("div", "tip", area);
      tip.setAttribute("aria-live", "polite");
    };
    const move = (to) => {
      if (!data) open();
      place = Math.max(0, Math.min(data.x.length - 1, to));
      const at = data.at[place];
      cursor.style.left = `${at}%`;
      tip.replaceChildren();
      made("div", "tip-step", tip).textContent = `${plot.querySelector(".x-title").textContent} ${data.x[place]}`;
      data.rows.forEach((row, i) => {
        const y = row.y[place];
        dots[i].hidden = y === null;
        if (y !== null) Object.assign(dots[i].style, { left: `${at}%`, bottom: `${y}%` });
        if (row.text[place] === null) return;
        const line = made("div", "tip-row", tip);
        made("span", `swatch ${row.tree}`, line);
        made("span", "tip-name", line).textContent = row.name;
        made("span", "tip-value", line).textContent = row.text[place];
      });
      tip.classList.toggle("left", at > 50);
      Object.assign(tip.style, at > 50 ? { left: "auto", right: `${100 - at}%` } : { left: `${at}%`, right: "auto" });
      plot.classList.add("hovered");
    };
    const nearest = (event) => {
      if (!data) open();
      const box = area.getBoundingClientRect();
      const percent = (100 * (event.clientX - box.left)) / box.width;
      let best = 0;
      data.at.forEach((at, i) => {
        if (Math.abs(at - percent) < Math.abs(data.at[best] - percent)) best = i;
      });
      move(best);
    };
    const leave = () => plot.classList.remove("hovered");
    area.addEventListener("pointermove", nearest);
    area.addEventListener("pointerdown", nearest);
    area.addEventListener("pointerleave", leave);
    plot.addEventListener("blur", leave);
    plot.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      move(place + by);
    });
  }

  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
        button.textContent = "Copied";
      } catch (error) {
        button.textContent = "Select it by hand";
      }
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }

  // Paper has no disclosure.
  let opened = [];
  addEventListener("beforeprint", () => {
    opened = all("details:not([open])");
    for (const details of opened) details.open = true;
  });
  addEventListener("afterprint", () => {
    for (const details of opened) details.open = false;
  });
})();
