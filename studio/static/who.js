// Who wrote what: the figures of a session, as a sheet over the page, and the text to take along with its marks.
(() => {
  const { h, define, icon, redraw, panels, say } = Duet;
  let found = null; // what the server told
  const root = document.body.appendChild(h('section.duet-who', { id: 'duet-who' }));

  async function open() {
    const value = Duet.value('notebook'), before = document.activeElement;
    try {
      const answer = await fetch(`duet/${value.session}/who?lang=${value.language}`);
      found = await answer.json();
    } catch { say(value.text.lost); return; }
    if (found.error) { say(found.error); found = null; return; }
    panels.who.value = {};
    redraw('who');
    Duet.modal.enter(root, root.querySelector('.act.shut'), before);
  }
  function close() {
    if (!found) return;
    found = null;
    redraw('who');
    Duet.modal.leave();
  }

  define('who', {
    root, value: {},
    on: { close, outside(element, event) { if (event.target === element) close(); } },
    draw() {
      if (!found) return [];
      const value = Duet.value('notebook'), text = value.text, file = kind => `duet/${value.session}/who?lang=${value.language}&as=${kind}`;
      const share = name => h('i', { class: name, style: { '--share': found.shares[name] } });
      return h('div.veil', { data: { click: 'outside' } }, h('div.sheet.help', { role: 'dialog', 'aria-modal': 'true', 'aria-label': text.who_title },
        h('header', {}, h('h2', {}, text.who_title), h('button.act.shut', { type: 'button', 'aria-label': text.close, data: { click: 'close' } }, icon('close'))),
        !found.empty && h('div.shares', { 'aria-hidden': 'true' }, share('artist'), share('given'), share('machine')),
        !found.empty && h('p.legend', {}, h('span.artist', {}, text.by_artist), h('span.given', {}, text.by_given), h('span.machine', {}, text.by_machine)),
        h('dl.figures', {}, found.rows.map(row => h('div', {}, h('dt', {}, row.name, h('small', {}, row.help)), h('dd', {}, row.value)))),
        h('div.ways', {}, found.empty ? h('p.empty', {}, text.who_empty) : ['html', 'md', 'json'].map(kind => h('a.quiet', { href: file(kind), download: '' }, icon('down'), text[`who_${kind}`])))));
    },
  });
  panels.who.root = root;
  root.addEventListener('click', event => {
    const target = event.target.closest('[data-click]');
    if (target) panels.who.on[target.dataset.click]?.(target, event);
  });

  Object.assign(Duet, { who: open, whoClose: close, whoIsOpen: () => found !== null });
})();
