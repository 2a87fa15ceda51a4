// Phones take pictures far larger than anybody needs, and larger than is taken: made smaller before they are sent.
const PHOTO_SIDE = 1600, PHOTO_QUALITY = 0.8;

async function smaller(file) {
  const image = await createImageBitmap(file);
  const scale = Math.min(1, PHOTO_SIDE / Math.max(image.width, image.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.width * scale);
  canvas.height = Math.round(image.height * scale);
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", PHOTO_QUALITY));
}

for (const field of document.querySelectorAll("input[data-smaller]"))
  field.addEventListener("change", async () => {
    const button = field.form.querySelector("button");
    button.disabled = true; // until what is sent is the small one
    try {
      const files = new DataTransfer();
      for (const file of field.files) files.items.add(new File([await smaller(file)], "photo.jpg", {type: "image/jpeg"}));
      field.files = files.files;
    } catch { /* what the browser cannot read goes as it is, and is refused with the reason */ }
    button.disabled = false;
  });
