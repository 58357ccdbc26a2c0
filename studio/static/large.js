// Variants that are painted large while the artist goes on: how far each is, and what came of it.
(() => {
  const { h, icon, fill, redraw, say } = Duet;
  const OFTEN = 700; // milliseconds between two looks, while something is under way
  let known = new Map(), session = null, version = null, later = 0;

  const name = (round, variant) => `${round} ${variant}`;
  const active = each => each.status === 'waiting' || each.status === 'running';
  const where = path => `duet/${session}/large${path}?lang=${Duet.value('header').language}`;

  async function ask(path = '', body) {
    clearTimeout(later);
    const mine = session;
    try {
      const answer = await (await fetch(where(path), body ? { method: 'POST', body: JSON.stringify(body) } : {})).json();
      if (mine !== session) return;
      if (answer.error) { say(answer.error); return; }
      known = new Map(answer.large.map(each => [name(each.round, each.variant), each]));
    } catch { if (body) say(Duet.value('header').text.lost); return; }
    for (const panel of ['round', 'light']) redraw(panel);
    if ([...known.values()].some(active)) later = setTimeout(ask, OFTEN);
  }

  const of = (round, each) => known.get(name(round.round, each.index));
  const address = each => `duet/${session}/${each.sha256}`;

  function strip(round, each) { // over the foot of a picture: how far it is, or the way to it
    const found = of(round, each), text = round.text;
    if (!found) return null;
    const act = (label, glyph, what) => h('button.act', { type: 'button', 'aria-label': label, title: label, data: { click: what } }, icon(glyph));
    if (found.status === 'done') return h('a.large.done', { href: `${address(found)}?download=${file(each, found)}`, download: file(each, found), title: fill(text.large_done, found), data: { key: 'large', click: 'nothing' } }, icon('down'), fill(text.pixels, found));
    const told = { waiting: text.large_waiting, running: `${Math.round(100 * (found.done || 0))} %`, stopped: text.large_stopped + (found.done >= 0.005 ? ` · ${Math.round(100 * found.done)} %` : ''), failed: found.told || text.large_stopped }[found.status];
    return h('div.large', { class: found.status, style: { '--done': found.done || 0 }, title: fill(text.large_title, found), data: { key: 'large', click: 'nothing' } },
      h('span', { role: 'status' }, `${fill(text.pixels, found)} · ${told}`), found.status === 'running' && found.told && h('small', {}, found.told),
      active(found) ? act(text.stop, 'stop', 'smaller') : act(text.large_go, 'right', 'larger'));
  }

  const file = (each, found) => each.file.replace(/\.png$/, `-${found.size}.png`);

  Duet.large = {
    strip,
    button: (round, each) => !of(round, each) && h('button.act.larger', { type: 'button', 'aria-label': round.text.large, title: round.text.large, data: { click: 'larger' } }, icon('larger')),
    begin(round, variant) { ask('/begin', { round, variant }); },
    stop(round, variant) { ask('/stop', { round, variant }); },
    picture(round, each) { const found = of(round, each); return found?.status === 'done' ? { full: `${address(found)}?side=2048`, download: `${address(found)}?download=${file(each, found)}`, file: file(each, found) } : each; },
    news(round) { // the page shows another session, or something happened in it that may have taken a wish back
      if (round.kind !== 'picture' || (round.session === session && (round.version === version || !known.size))) return;
      [session, version] = [round.session, round.version];
      ask();
    },
  };
})();
