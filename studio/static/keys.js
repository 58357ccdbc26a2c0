// The keyboard: everything an artist does again and again, without looking down. Never while somebody types.
(() => {
  const typing = target => target.closest?.('input:not([type="range"]):not([type="checkbox"]):not([type="file"]), textarea, select, [contenteditable="true"]');
  const pressing = target => target.closest?.('button, a, summary, input:not([type="range"]), select, label');

  function number(event) { // by the key's place, since Shift changes what it writes
    const found = /^(?:Digit|Numpad)([0-9])$/.exec(event.code);
    return found ? Number(found[1]) : null;
  }

  const at = () => (Duet.lightIsOpen() ? Duet.lit() : Duet.readingIsOpen() ? Duet.readingAt() : Duet.focused());
  const written = () => Duet.value('round').kind === 'text';

  function arrows(key) {
    const back = key === 'ArrowLeft' || key === 'ArrowUp';
    if (Duet.lightIsOpen()) { Duet.lightStep(back ? -1 : 1); return; }
    if (Duet.readingIsOpen()) { Duet.readingStep(back ? -1 : 1); return; }
    const tiles = Duet.value('round').tiles.length;
    const by = written() && matchMedia('(min-width: 1201px)').matches ? (back ? -1 : 1) : { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -2, ArrowDown: 2 }[key];
    const active = document.activeElement?.closest?.('.tile');
    const next = active ? Duet.focused() + by : Duet.focused();
    if (next >= 0 && next < tiles) Duet.focusOn(next);
  }

  const LETTERS = {
    l: () => Duet.judging.like(at()), d: () => Duet.judging.dislike(at()), s: () => Duet.judging.star(at()),
    c: () => Duet.compare(), e: () => { if (!written()) Duet.plane(); }, a: () => { if (written()) Duet.prose.use(at()); }, o: () => { if (written()) Duet.tokens.open(at()); }, '?': () => Duet.help(),
  };

  document.addEventListener('keydown', event => {
    const { target, key } = event;
    if (Duet.brush.isOpen()) { if (Duet.brush.key(event)) event.preventDefault(); return; } // with Ctrl, too
    if (!Duet.value('round') || event.ctrlKey || event.metaKey || event.altKey || typing(target)) return;
    const which = number(event);
    if (key === 'Escape') {
      if (Duet.helpIsOpen()) Duet.help(false);
      else if (Duet.whoIsOpen()) Duet.whoClose();
      else if (Duet.why.isOpen()) Duet.why.close();
      else if (Duet.own.isOpen()) Duet.own.close();
      else if (Duet.readingIsOpen()) Duet.readingClose();
      else if (Duet.planeIsOpen()) Duet.planeClose();
      else if (Duet.lightIsOpen()) Duet.lightClose();
      else Duet.drawer(false);
    } else if (Duet.planeIsOpen()) { if (!Duet.planeKey(event)) return; }
    else if ((Duet.helpIsOpen() && key !== '?') || Duet.whoIsOpen() || Duet.why.isOpen() || Duet.own.isOpen()) return;
    else if (which === 0) Duet.judging.none();
    else if (which >= 1 && which <= 4) {
      if (event.repeat) return;
      if (event.shiftKey) Duet.judging.rank(which - 1);
      else Duet.judging.pick(which - 1);
    } else if (key.startsWith('Arrow')) {
      if (target.matches?.('input[type="range"]')) return;
      arrows(key);
    } else if (key === 'Enter') { if (pressing(target) || event.repeat) return; Duet.again(); }
    else if (key === ' ') { if (pressing(target) || written()) return; Duet.original(true); }
    else if (key.toLowerCase() === 'z') { if (event.shiftKey) Duet.redo(); else Duet.undo(); }
    else if (LETTERS[key.toLowerCase()]) { if (event.repeat) return; LETTERS[key.toLowerCase()](); }
    else return;
    event.preventDefault();
  });
  // A mouse does not leave the focus on what it pressed, else Enter would press that again instead of asking for more.
  document.addEventListener('click', event => { if (event.detail > 0) event.target.closest?.('button, a, summary')?.blur(); });
  document.addEventListener('keyup', event => { if (event.key === ' ') Duet.original(false); });
  addEventListener('blur', () => { if (window.Duet.panels.round) Duet.original(false); });
})();
