// The top line, and the help that it opens.
(() => {
  const { h, define, tell, icon, shape, store } = Duet;
  let open = false;

  let asked = null; // the mode that was turned to, until the studio has answered

  function keepMode(mode) {
    const address = new URL(location.href);
    address.searchParams.set('mode', mode);
    history.replaceState(history.state, '', address);
  }

  function turn(mode, look = null, brings = false) { // `brings`: with something to begin with, instead of an example
    if (mode === Duet.mode() && look === null) return;
    Duet.notebook.flush();
    for (const close of [Duet.lightClose, Duet.planeClose, Duet.readingClose, Duet.tokensClose]) close();
    asked = mode;
    Duet.turned(mode);
    Duet.lookAt(null);
    keepMode(mode);
    Duet.redraw('header');
    tell('header', 'turn', { mode, look, brings }).then(() => { asked = null; });
  }

  function help(value) {
    const text = value.text;
    return h('div.veil', { data: { key: 'help', click: 'outside' } },
      h('div.sheet.help', { role: 'dialog', 'aria-modal': 'true', 'aria-label': text.help_title },
        h('header', {}, h('h2', {}, text.help_title),
          h('button.icon', { type: 'button', 'aria-label': text.close, data: { click: 'help' } }, icon('close'))),
        h('ol', {}, (value.help[Duet.mode() === 'image' && Duet.breed.here() ? 'breed' : Duet.mode()] || value.help.style).map(line => h('li', {}, line))),
        h('div.two', {},
          h('div', {}, h('h3', {}, text.roles_title),
            h('dl.roles', {}, value.roles.map(role => [h('dt', {}, shape(role.shape), role.name), h('dd', {}, role.does)]))),
          h('div', {}, h('h3', {}, text.keys_title),
            h('dl.keys', {}, value.keys.map(row => [h('dt', {}, row.keys.map(key => h('kbd', {}, key))), h('dd', {}, row.does)])))),
        h('button.quiet.inside', { type: 'button', data: { click: 'inside' } }, icon('grid'), value.attention.attention_open),
        h('button.quiet.inside', { type: 'button', data: { click: 'toy' } }, icon('play'), value.toy.toy_open),
        h('p.small', {}, text.made_with)));
  }

  define('header', {
    on: {
      help() { Duet.help(); },
      outside(element, event) { if (event.target === element) Duet.help(); },
      inside() { Duet.help(false); Duet.attention.open(); },
      toy() { Duet.help(false); Duet.toy.open(); },
      theme() { Duet.flip(); },
      turn(button) { turn(button.value); },
      speak(button) { tell('header', 'speak', { language: button.value }); },
    },
    adopt(value) {
      if (value.mode !== Duet.mode() && asked !== null) value.mode = Duet.mode(); // an answer to what was asked before
      Duet.turned(value.mode);
      const address = new URL(location.href);
      if (value.session && address.searchParams.get('sid') !== value.session && !Duet.toy.linked()) {
        address.searchParams.set('sid', value.session);
        history.replaceState(history.state, '', address);
      }
      Duet.toy.arrived();
      if (address.searchParams.has('mode') && address.searchParams.get('mode') !== value.mode) keepMode(value.mode);
    },
    draw(value) {
      const text = value.text;
      return [
        h('div.bar', { role: 'banner', inert: open },
          h('h1.wordmark', { title: text.tagline }, 'Duet'),
          h('nav.modes', { 'aria-label': 'Duet' },
            value.modes.map(mode => h('button.mode', { type: 'button', value: mode.name, 'aria-current': mode.name === Duet.mode() ? 'page' : null,
              data: { click: 'turn' } }, mode.label))),
          h('div.tools', {},
            h('div.languages', { role: 'group', 'aria-label': text.language }, value.languages.map(each =>
              h('button', { type: 'button', value: each.name, 'aria-pressed': String(each.name === value.language), data: { click: 'speak' } }, each.label))),
            h('button.icon', { type: 'button', 'aria-label': text.theme, title: text.theme, data: { click: 'theme' } }, icon(Duet.dark() ? 'sun' : 'moon')),
            h('button.icon', { type: 'button', 'aria-label': text.help, title: `${text.help} (?)`, 'aria-expanded': String(open), data: { click: 'help' } }, '?'))),
        open && help(value),
      ];
    },
  });

  Duet.help = (show = !open) => {
    if (show === open || !Duet.value('header')) return;
    Duet.lightClose();
    Duet.planeClose();
    const before = document.activeElement;
    open = show;
    Duet.redraw('header');
    const veil = document.querySelector('.duet-header .veil');
    if (open) Duet.modal.enter(veil, veil.querySelector('.icon'), before);
    else Duet.modal.leave();
  };
  Duet.turn = turn;
  Duet.helpIsOpen = () => open;
})();
