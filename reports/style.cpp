#include "reports/style.h"

namespace plumb::reports {

// Every colour is named once, for light and for dark; verdicts always carry a mark besides.
const std::string_view kStyle = R"css(
:root {
  --paper: #f7f5f0; --card: #fffefb; --line: #e2ddd2; --ink: #23262a; --quiet: #6a6e73;
  --pass: #2b7560; --fail: #b43a2c; --open: #8d6200; --skip: #70757b; --link: #2a5d8f;
  --band: #e4efe8; --s0: #2f6aa8; --s1: #7a4fa3; --s2: #0f7d83; --s3: #7d5a2c; --s4: #4d5a66;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171a; --card: #1b1f23; --line: #31373d; --ink: #e4e2dc; --quiet: #9aa0a6;
    --pass: #6fc2a4; --fail: #f2836f; --open: #e3b455; --skip: #9aa0a6; --link: #8bb9e8;
    --band: #20302b; --s0: #74aee8; --s1: #bf97e6; --s2: #59c1c4; --s3: #cfa56a; --s4: #a9b4be;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); -webkit-text-size-adjust: 100%; }
body { margin: 0; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 0 20px 64px; }
section { margin-top: 40px; }
h1 { font-size: 34px; line-height: 1.15; font-weight: 600; letter-spacing: -0.01em; margin: 0; }
h2 { font-size: 18px; font-weight: 600; margin: 0 0 12px; }
h3 { font-size: 15px; font-weight: 600; margin: 0; overflow-wrap: anywhere; }
p { margin: 4px 0; overflow-wrap: anywhere; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
code { font: 13px ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; }
.quiet { color: var(--quiet); }

header { display: flex; gap: 22px; align-items: flex-start; }
header > div { padding-top: 34px; min-width: 0; }
.bob { width: 56px; height: 140px; flex: none; overflow: visible; }
.bob .true-line { stroke: var(--line); stroke-dasharray: 2 4; }
.bob .string { stroke: var(--quiet); stroke-width: 1.4; }
.bob .weight.pass { fill: var(--pass); }
.bob .weight.fail { fill: var(--fail); }
.brand { color: var(--quiet); letter-spacing: 0.14em; text-transform: uppercase; font-size: 12px; }
.counts { margin: 10px 0 6px; }
.scope { color: var(--quiet); }

.chip { display: inline-block; padding: 0 9px; border-radius: 99px; font-size: 13px;
  font-weight: 500; border: 1px solid currentColor; white-space: nowrap; }
.pass { color: var(--pass); } .fail { color: var(--fail); }
.open { color: var(--open); } .skip { color: var(--skip); }

section.facts { display: grid; gap: 12px; margin-top: 28px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 230px), 1fr)); }
.fact { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 12px 16px; }
.fact h2 { font-size: 13px; font-weight: 500; color: var(--quiet); margin: 0; }
.fact { min-width: 0; overflow-wrap: anywhere; }
.fact .value { font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.fact .detail { font-size: 13px; color: var(--quiet); }

.cards { list-style: none; margin: 0; padding: 0; display: grid; gap: 12px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); }
.cards.candidates { align-items: start; }
.card { color: var(--ink); background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 12px 16px; min-width: 0; }
.card.fail { border-left: 3px solid var(--fail); } .card.open { border-left: 3px solid var(--open); }
.card.skip { border-left: 3px solid var(--skip); }
.cause { font-weight: 600; }

.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px;
  font-variant-numeric: tabular-nums; }
th, td { padding: 5px 12px 5px 0; text-align: left; white-space: nowrap; vertical-align: top; }
th { font-weight: 600; }
thead th { color: var(--quiet); font-weight: 500; border-bottom: 1px solid var(--line); }
tr.begins > * { border-top: 1px solid var(--line); }
th.n, td.n { text-align: right; }
.n + :not(.n) { padding-left: 12px; }
td.beyond, td.worse { color: var(--fail); font-weight: 600; }
td.better { color: var(--quiet); }
td.tiles { white-space: normal; min-width: 96px; }
.tile { display: inline-block; width: 20px; height: 20px; line-height: 20px; margin: 0 3px 2px 0;
  text-align: center; font-size: 12px; font-weight: 600; border-radius: 5px; color: var(--card); }
.tile:hover { text-decoration: none; outline: 2px solid var(--link); }
.tile.pass { background: var(--pass); } .tile.fail { background: var(--fail); }
.tile.open { background: var(--open); } .tile.skip { background: var(--skip); }

summary { cursor: pointer; }
details.case { border: 1px solid var(--line); border-radius: 10px; margin-bottom: 8px;
  padding: 0 16px; scroll-margin-top: 12px; }
details.case[open] { padding-bottom: 16px; margin-bottom: 16px; }
details.case > summary { list-style: none; display: flex; flex-wrap: wrap; gap: 2px 10px;
  padding: 9px 0; align-items: baseline; }
details.case > summary::-webkit-details-marker { display: none; }
details.case > summary::after { content: "›"; color: var(--quiet); align-self: center; }
details.case[open] > summary::after { transform: rotate(90deg); }
details.case > summary:hover strong { color: var(--link); }
details.case > summary strong { overflow-wrap: anywhere; }
.mark { font-weight: 700; width: 14px; text-align: center; }
.sides { margin-left: auto; display: flex; flex-wrap: wrap; gap: 2px 18px; font-size: 13px;
  font-variant-numeric: tabular-nums; }
.side.pass { color: var(--quiet); }
.reasons, .causes { margin: 10px 0; padding-left: 18px; }
.where { margin-top: 10px; }
dl.facts { display: grid; grid-template-columns: 84px minmax(0, 1fr); gap: 2px 12px;
  margin: 10px 0; font-size: 13.5px; }
dt { color: var(--quiet); }
dd { margin: 0; overflow-wrap: anywhere; }
.taps summary, .help summary { color: var(--link); font-size: 13.5px; }
.help { margin-top: 40px; }
.help dl { max-width: 72ch; } .help dt { margin-top: 8px; font-weight: 600; color: var(--ink); }

figure.plot { margin: 4px 0 14px; }
.plot > .scroll > svg { display: block; width: 100%; min-width: 720px; font-size: 12px; }
.plot .band { fill: var(--band); }
.plot .grid { stroke: var(--line); stroke-width: 1; }
.plot text { fill: var(--quiet); }
.plot text.title { fill: var(--ink); font-weight: 600; font-size: 12.5px; }
.plot text.clean { fill: var(--quiet); stroke: none; text-anchor: end; opacity: 1; }
.plot text.y { text-anchor: end; } .plot text.x { text-anchor: middle; }
.plot line.departs { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 1 3; }
.plot text.departs { fill: var(--ink); paint-order: stroke; stroke: var(--paper);
  stroke-width: 4px; stroke-linejoin: round; }
.plot text.left { text-anchor: end; }
.plot .s0 { fill: var(--s0); stroke: var(--s0); } .plot .s1 { fill: var(--s1); stroke: var(--s1); }
.plot .s2 { fill: var(--s2); stroke: var(--s2); } .plot .s3 { fill: var(--s3); stroke: var(--s3); }
.plot .s4 { fill: var(--s4); stroke: var(--s4); }
.plot .line { fill: none; stroke-width: 1.4; opacity: 0.65; }
.plot g path { stroke-width: 0; }
.plot g path.line { stroke-width: 1.4; }
.plot path.beyond { fill: var(--fail); stroke: var(--paper); stroke-width: 0.8; }
figcaption { display: flex; flex-wrap: wrap; gap: 2px 20px; font-size: 13px; color: var(--quiet); }
.key { display: inline-flex; align-items: center; gap: 6px; overflow-wrap: anywhere; }
svg.key { width: 22px; height: 12px; flex: none; }
@media (max-width: 560px) {
  main { padding: 0 14px 48px; }
  header { gap: 12px; }
  header > div { padding-top: 20px; }
  .fact .value { font-size: 18px; }
  section.facts { grid-template-columns: 1fr 1fr; }
  h1 { font-size: 27px; }
  .sides { margin-left: 24px; width: 100%; order: 1; }
}
)css";

}  // namespace plumb::reports
