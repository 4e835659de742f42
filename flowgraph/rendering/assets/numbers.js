// Numbers as pictures write them: the same rules as number_text and exact_text in rendering/wording.py, digit for digit.

// Three digits of a number, fewer where there is no room, and the whole part of one below 100,000: 2.57, 0.0348, 12345,
// 7.8e−5, NaN.
function numberText(number, count = 3) {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "NaN" : number > 0 ? "Inf" : "−Inf";
  const size = Math.abs(number), isWhole = size >= 10 ** count - 0.5 && size < 99999.5;
  return generalText(number, isWhole ? Number(size.toExponential().split("e")[1]) + 1 : count, isWhole);
}

// A number that somebody wrote, as it is written: 0.001, 1e−5, 2.
function exactText(number) {
  return generalText(number, 6, false);
}

// A text of JavaScript as one writes it: 1.5e-7 is 1.5e−7, and 1e+25 is 1e25.
function signText(text) {
  return text.replace("+", "").replace(/-/g, "−");
}

// So many digits of a finite number without zeros at the end, with an exponent where Python's format "g" has one; none
// of a whole number.
function generalText(number, count, isWhole) {
  if (number === 0) return "0";
  const [digits, exponent] = roundedDigits(Math.abs(number), count), sign = number < 0 ? "−" : "";
  const [kept, power] = [digits.replace(/0+$/, ""), Number(exponent)];
  if (!isWhole && (power < -4 || power >= count)) return `${sign}${kept[0]}${kept.length > 1 ? `.${kept.slice(1)}` : ""}${signText(`e${power}`)}`;
  if (power < 0) return `${sign}0.${"0".repeat(-power - 1)}${kept}`;
  const before = kept.slice(0, power + 1).padEnd(power + 1, "0"), behind = kept.slice(power + 1);
  return `${sign}${before}${behind && `.${behind}`}`;
}

// The digits and the exponent of a positive number. Half-way between two it goes to the even one, as in Python, where
// JavaScript takes the larger; that is seen by the digits behind, of which no double has as many as are asked for.
function roundedDigits(size, count) {
  const [mantissa, exponent] = size.toExponential(count - 1).split("e"), digits = mantissa.replace(".", "");
  const [exact, power] = size.toExponential(60).split("e"), all = exact.replace(".", "");
  const isHalf = /^50*$/.test(all.slice(count)), isOdd = Number(all[count - 1]) % 2 === 1;
  return isHalf && !isOdd ? [all.slice(0, count), power] : [digits, exponent];
}
