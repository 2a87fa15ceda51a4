/* Independent Modbus server on the npm package modbus-serial.
   usage: node modbus_serial_server.js tcp PORT | rtu DEVICE BAUD UNIT
   Holding registers 0 to 99 hold 100 + address; there is nothing beyond. Coils and discrete inputs are on where the
   address is divisible by three. Input registers 0 to 99 are float32 (ABCD) that hold half their own address. */
const Modbus = require("modbus-serial");
const [kind, where, baud, unit] = process.argv.slice(2);
const holding = Array.from({length: 100}, (_, address) => 100 + address);
const coils = Array.from({length: 16}, (_, address) => address % 3 === 0);
const illegal = () => Object.assign(new Error("illegal address"), {modbusErrorCode: 2});
const held = (address) => { if (!(address in holding)) throw illegal(); return holding[address]; };
const halves = Buffer.alloc(200);
for (let address = 0; address < 100; address += 2) halves.writeFloatBE(address / 2, 2 * address);
const device = {
  getHoldingRegister: held,
  getInputRegister: (address) => { if (address >= 100) throw illegal(); return halves.readUInt16BE(2 * address); },
  getCoil: (address) => coils[address] ?? false,
  getDiscreteInput: (address) => address % 3 === 0,
  setRegister: (address, value) => { held(address); holding[address] = value; },
  setCoil: (address, value) => { coils[address] = value; },
};
const server = kind === "tcp"
  ? new Modbus.ServerTCP(device, {host: "127.0.0.1", port: Number(where), unitID: 1})
  : new Modbus.ServerSerial(device, {port: where, baudRate: Number(baud), unitID: Number(unit)});
server.on("initialized", () => console.log("ready"));
server.on("error", (error) => { console.error(error); process.exit(1); });
server.on("socketError", () => {});
