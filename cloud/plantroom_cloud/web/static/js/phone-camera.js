// The camera as a reader of codes: the browser's own BarcodeDetector where it has one, else zxing as WebAssembly.
const Camera = (() => {
  const LOOK_MS = 180, WIDEST = 1024;
  let stream = null, timer = null, reader = null;

  function script(path) {
    return new Promise((resolve, reject) => {
      const element = document.createElement("script");
      element.src = path;
      element.onload = resolve;
      element.onerror = () => reject(new Error(tr("The code reader could not be loaded; open this page once with a network.")));
      document.head.append(element);
    });
  }

  async function makeReader() {
    if ("BarcodeDetector" in window && (await BarcodeDetector.getSupportedFormats()).includes("qr_code")) {
      const detector = new BarcodeDetector({formats: ["qr_code"]});
      return async (video) => (await detector.detect(video)).map((code) => code.rawValue);
    }
    if (!window.ZXingWASM) await script("/static/vendor/zxing-reader.js");
    await ZXingWASM.prepareZXingModule({
      overrides: {locateFile: () => "/static/vendor/zxing_reader.wasm"}, // its own choice would be a CDN
      fireImmediately: true,
    });
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", {willReadFrequently: true});
    return async (video) => {
      const scale = Math.min(1, WIDEST / video.videoWidth);
      canvas.width = Math.round(video.videoWidth * scale);
      canvas.height = Math.round(video.videoHeight * scale);
      context.drawImage(video, 0, 0, canvas.width, canvas.height);
      const image = context.getImageData(0, 0, canvas.width, canvas.height);
      const found = await ZXingWASM.readBarcodes(image, {formats: ["QRCode"], tryHarder: true, maxNumberOfSymbols: 1});
      return found.filter((code) => code.isValid).map((code) => code.text);
    };
  }

  async function start(video, seen) {
    if (!navigator.mediaDevices?.getUserMedia) throw new Error(tr("This browser gives no camera here; type the code instead."));
    stream = await navigator.mediaDevices.getUserMedia({video: {facingMode: "environment", width: {ideal: 1280}}});
    video.srcObject = stream;
    await video.play();
    reader ??= await makeReader();
    const look = async () => {
      if (!stream) return;
      try {
        if (video.videoWidth) for (const text of await reader(video)) seen(text);
      } catch { /* a frame that cannot be read is none; the next one comes */ }
      if (stream) timer = setTimeout(look, LOOK_MS);
    };
    void look();
  }

  function stop(video) {
    clearTimeout(timer);
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    video.srcObject = null;
  }

  return {start, stop, get running() { return stream !== null; }};
})();
