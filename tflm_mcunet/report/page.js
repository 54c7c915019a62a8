// Shows what a rectangle of the timeline is, on hover, tap or keyboard focus. Text is only ever set as text.
(() => {
  "use strict";
  let count = 0;
  for (const chart of document.querySelectorAll("[data-chart]")) {
    const inspector = chart.querySelector(".inspector");
    const idle = inspector.textContent;
    let pinned = null;
    const show = (span) => {
      for (const other of chart.querySelectorAll(".chosen")) other.classList.remove("chosen");
      if (span) span.classList.add("chosen");
      inspector.textContent = span ? span.querySelector("title").textContent : idle;
    };
    for (const span of chart.querySelectorAll(".span")) {
      count += 1;
      span.addEventListener("mouseenter", () => show(span));
      span.addEventListener("mouseleave", () => show(pinned));
      span.addEventListener("click", () => { pinned = pinned === span ? null : span; show(pinned); });
    }
  }
  document.documentElement.dataset.spans = String(count);
})();
