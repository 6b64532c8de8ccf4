for (const compare of document.querySelectorAll('.compare')) {
  compare.querySelector('input').addEventListener('input', event => compare.style.setProperty('--cut', event.target.value + '%'));
}
const dialog = document.querySelector('dialog');
for (const picture of document.querySelectorAll('img.zoom')) {
  picture.addEventListener('click', () => { dialog.firstElementChild.src = picture.src; dialog.showModal(); });
}
dialog.addEventListener('click', () => dialog.close());
