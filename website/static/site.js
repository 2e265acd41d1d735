// What is wider than the screen is scrolled with the keyboard too.
(() => {
  'use strict';
  const update = () => {
    for (const box of document.querySelectorAll('pre, .table-wrapper')) {
      if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
      else box.removeAttribute('tabindex');
    }
  };
  document.addEventListener('DOMContentLoaded', update);
  window.addEventListener('resize', update);
})();
