// What every page of pse shares: unpacking, writing numbers and moments, colours of the style sheet.  The page's own script follows in the same function.
const LWC = window.LightweightCharts, $ = (id) => document.getElementById(id);
const MINUS = "\u2212", NONE = "\u2013";
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();

async function inflate(id) {
  const raw = atob($(id).textContent.trim()), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function text(value, digits, sign) {
  if (value === null || value === undefined) return NONE;
  const shown = value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return (sign && value > 0 ? "+" : "") + shown.replace("-", MINUS);
}

const two = (value) => String(value).padStart(2, "0");
function moment(seconds) {
  const at = new Date(seconds * 1000);
  return `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())} ${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
}
function duration(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)}`;
  return `${(minutes / 1440).toFixed(1)} d`;
}

function element(tag, content, kind) {
  const made = document.createElement(tag);
  if (content !== undefined) made.textContent = content;
  if (kind) made.className = kind;
  return made;
}

function look() {
  return {
    layout: { background: { color: "transparent" }, textColor: colour("dim"), attributionLogo: false, fontFamily: getComputedStyle(document.body).fontFamily,
      panes: { separatorColor: colour("line"), enableResize: false } },
    grid: { vertLines: { color: colour("line") }, horzLines: { color: colour("line") } },
    rightPriceScale: { borderColor: colour("line") }, timeScale: { borderColor: colour("line") },
  };
}

// Candles as every chart of ours has them.
function candleTones() { return { upColor: colour("gain"), downColor: colour("loss"), wickUpColor: colour("gain"), wickDownColor: colour("loss") }; }
function addCandles(chart, precision, minMove, more) {
  return chart.addSeries(LWC.CandlestickSeries, { ...candleTones(), borderVisible: false, priceLineVisible: false, priceFormat: { type: "price", precision, minMove }, ...more }, 0);
}

function hex(name, alpha) {
  const short = colour(name).replace("#", ""), found = short.length === 3 ? [...short].map((digit) => digit + digit).join("") : short, part = (i) => parseInt(found.slice(i, i + 2), 16);
  return `rgba(${part(0)},${part(2)},${part(4)},${alpha})`;
}
function onTheme(paint) { matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint); }
