// What the pages of a phone share.
const PHOTO_SIDE = 1600, PHOTO_QUALITY = 0.8;
const at = (id) => document.getElementById(id);

const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const clock = (moment) => new Date(moment).toLocaleTimeString([], {hour: "2-digit", minute: "2-digit"});

async function smaller(file) { // phones take pictures far larger than anybody needs
  const image = await createImageBitmap(file);
  const scale = Math.min(1, PHOTO_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", PHOTO_QUALITY));
}

async function phoneId(queue) { // who reports: this browser on this device
  let id = await queue.kept("phone");
  if (!id) await queue.keep("phone", id = crypto.randomUUID());
  return id;
}
