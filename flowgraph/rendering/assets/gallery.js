// The search: articles that hold every word stay, and so do the sections and headings that hold an article.
const field = document.getElementById("find");
const articles = [...document.querySelectorAll("article")];
const texts = articles.map((one) => one.innerText.toLowerCase());

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  articles.forEach((one, place) => {
    one.hidden = !words.every((word) => texts[place].includes(word));
    shown += !one.hidden;
  });
  for (const part of document.querySelectorAll("main section, main .family")) {
    part.hidden = !part.querySelector("article:not([hidden])");
  }
  document.getElementById("count").textContent = words.length ? `${shown} of ${articles.length}` : "";
}

field.addEventListener("input", search);
search();
