// Samples of a training through time: a picture for every step of which there is one, a slider, and a player.
(() => {
  const { h, icon, fill } = Duet;
  const BETWEEN = 160; // milliseconds from one picture to the next
  const seen = new Map(); // what was fetched already, by address

  // `address(step)` is where a picture is; `changed` draws anew. It follows the newest until somebody looks at an older one.
  function film(changed) {
    let frames = [], at = -1, address = null, timer = null;

    const where = () => (at < 0 || at >= frames.length ? frames.length - 1 : at);

    function fetchAll() { // while it plays or somebody scrubs, nothing is waited for
      for (const step of frames) if (!seen.has(address(step))) { const image = new Image(); image.src = address(step); seen.set(address(step), image); }
    }

    function stop() { clearInterval(timer); timer = null; }

    return {
      take(found, place) { [frames, address] = [found, place]; },
      show(to) { stop(); at = to >= frames.length - 1 ? -1 : to; fetchAll(); changed(); },
      playing: () => timer !== null,
      stop,
      play() {
        if (timer) { stop(); changed(); return; }
        if (where() >= frames.length - 1) at = 0;
        fetchAll();
        timer = setInterval(() => {
          if (where() >= frames.length - 2) { stop(); at = -1; } else at = where() + 1;
          changed();
        }, BETWEEN);
        changed();
      },
      draw(text, reads, none, aspect = 1) { // in words what the pictures are, and that there are none yet; `aspect`: their width by height
        if (!frames.length) return h('figure.film', { data: { key: 'film' } }, h('div.screen.empty', {}, none));
        const step = frames[where()], told = fill(text.gan_step, { step }), many = frames.length > 1;
        return h('figure.film', { data: { key: 'film' } },
          h('div.screen', { style: { 'aspect-ratio': String(aspect) } }, h('img', { src: address(step), alt: `${text.gan_samples}: ${told}` })),
          h('div.reel', {},
            h('button.icon', { type: 'button', disabled: !many, 'aria-label': timer ? text.gan_playing : text.gan_play, title: timer ? text.gan_playing : text.gan_play, data: { click: 'play' } }, icon(timer ? 'pause' : 'play')),
            h('input', { type: 'range', min: 0, max: Math.max(1, frames.length - 1), step: 1, value: many ? where() : 1, disabled: !many, 'aria-label': text.gan_samples, 'aria-valuetext': told, style: { '--at': `${many ? 100 * where() / (frames.length - 1) : 100}%` }, data: { input: 'scrub' } }),
            h('span.at', {}, told)),
          h('p', {}, reads));
      },
    };
  }

  Duet.film = film;
})();
