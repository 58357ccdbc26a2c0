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

  function across() { // tiles in a row, as they lie: two of four, more where there are many
    const grid = document.querySelector('.duet-round .tiles.many');
    return grid ? getComputedStyle(grid).gridTemplateColumns.split(' ').length : 2;
  }

  function arrows(key) {
    const back = key === 'ArrowLeft' || key === 'ArrowUp';
    if (Duet.lightIsOpen()) { Duet.lightStep(back ? -1 : 1); return; }
    if (Duet.readingIsOpen()) { Duet.readingStep(back ? -1 : 1); return; }
    const tiles = Duet.value('round').tiles.length, row = across();
    const by = written() && matchMedia('(min-width: 1201px)').matches ? (back ? -1 : 1) : { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -row, ArrowDown: row }[key];
    const active = document.activeElement?.closest?.('.tile');
    const next = active ? Duet.focused() + by : Duet.focused();
    if (next >= 0 && next < tiles) Duet.focusOn(next);
  }

  const LETTERS = {
    l: () => Duet.judging.like(at()), d: () => Duet.judging.dislike(at()), s: () => Duet.judging.star(at()), p: () => Duet.judging.pick(at()), r: () => Duet.judging.rank(at()), f: () => Duet.family.open(Duet.value('round').round, at()),
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
      else if (Duet.family.isOpen()) Duet.family.close();
      else if (Duet.readingIsOpen()) Duet.readingClose();
      else if (Duet.planeIsOpen()) Duet.planeClose();
      else if (Duet.lightIsOpen()) Duet.lightClose();
      else Duet.drawer(false);
    } else if (Duet.planeIsOpen()) { if (!Duet.planeKey(event)) return; }
    else if ((Duet.helpIsOpen() && key !== '?') || Duet.whoIsOpen() || Duet.why.isOpen() || Duet.own.isOpen()) return;
    else if (Duet.family.isOpen()) { if (!Duet.family.key(event)) return; }
    else if (which === 0) Duet.judging.none();
    else if (which >= 1 && which <= Math.max(4, Duet.value('round').total)) {
      if (event.repeat) return;
      if (event.shiftKey) Duet.judging.rank(which - 1);
      else Duet.judging.pick(which - 1);
    } else if (key.startsWith('Arrow')) {
      if (target.matches?.('input[type="range"]')) return;
      arrows(key);
    } else if (key === 'Enter') { if (pressing(target) || event.repeat) return; Duet.again(); }
    else if (key === ' ') { if (pressing(target) || written()) return; Duet.original(true); }
    else if (key.toLowerCase() === 'z') { if (event.shiftKey) Duet.redo(); else Duet.undo(); }
    else if (key.toLowerCase() === 'b') { if (event.repeat) return; if (event.shiftKey) Duet.breed.liked(); else Duet.breed.turn(Duet.tile(at())); }
    else if (LETTERS[key.toLowerCase()]) { if (event.repeat) return; LETTERS[key.toLowerCase()](); }
    else return;
    event.preventDefault();
  });
  // A mouse does not leave the focus on what it pressed, else Enter would press that again instead of asking for more.
  document.addEventListener('click', event => { if (event.detail > 0) event.target.closest?.('button, a, summary')?.blur(); });
  document.addEventListener('keyup', event => { if (event.key === ' ') Duet.original(false); });
  addEventListener('blur', () => { if (window.Duet.panels.round) Duet.original(false); });
})();
