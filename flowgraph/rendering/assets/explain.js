"use strict";
/* Marks a page whose mathematics is set without a font that says where subscripts stand. */
(() => {
  const probe = document.createElement("div");
  probe.innerHTML = "<math><msub><mi>x</mi><mn>1</mn></msub></math>";
  document.querySelector("main").append(probe);
  const [base, below] = [...probe.querySelectorAll("mi, mn")].map((one) => one.getBoundingClientRect());
  document.documentElement.classList.toggle("flat-math", below.bottom - base.bottom < 0.1 * base.height);
  probe.remove();
})();
