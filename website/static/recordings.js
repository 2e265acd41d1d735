// Plays the recordings of a page. Each is a script that calls `recordings.add`, and not a file to fetch, so that
// they also play where the site is opened as a file.
const recordings = (() => {
  'use strict';
  const here = new URL('.', document.currentScript.src);
  const texts = new Map();

  const load = path => new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = new URL(path, here).href;
    script.addEventListener('load', resolve);
    script.addEventListener('error', () => reject(new Error(`cannot load ${path}`)));
    document.head.append(script);
  });

  const style = path => {
    const link = document.createElement('link');
    link.rel = 'stylesheet';
    link.href = new URL(path, here).href;
    document.head.append(link);
  };

  const show = async figure => {
    const name = figure.dataset.recording;
    await load(`recordings/${name}.js`);
    const {title, cast} = texts.get(name);
    const caption = document.createElement('figcaption');
    caption.textContent = title;
    const screen = document.createElement('div');
    figure.append(screen, caption);
    AsciinemaPlayer.create({data: cast}, screen, {
      fit: 'width', idleTimeLimit: 2, poster: 'npt:1:00:00', preload: true, terminalFontFamily: 'monospace',
    });
  };

  document.addEventListener('DOMContentLoaded', async () => {
    const figures = [...document.querySelectorAll('[data-recording]')];
    if (!figures.length) return;
    style('vendor/asciinema-player.css');
    await load('vendor/asciinema-player.min.js');
    await Promise.all(figures.map(show));
  });

  return {add: (name, title, cast) => texts.set(name, {title, cast})};
})();
