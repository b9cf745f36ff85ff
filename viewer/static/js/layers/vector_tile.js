// Reads a Mapbox Vector Tile (specification 2.1: protobuf) into plain features with lon, lat coordinates.

const DEGREES = 180 / Math.PI;
const KINDS = ["unknown", "point", "line", "polygon"];

class ProtobufReader {
  constructor(bytes, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.at = start;
    this.end = end;
  }

  varint() {
    let value = 0;
    let factor = 1;
    for (;;) {
      if (this.at >= this.end) throw new RangeError("vector tile ends in the middle of a number");
      const byte = this.bytes[this.at];
      this.at += 1;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  }

  /** Call read(field, wire) for each field; what it leaves unread is skipped. */
  each(read) {
    while (this.at < this.end) {
      const tag = this.varint();
      const before = this.at;
      read(tag >>> 3, tag & 7);
      if (this.at === before) this.skip(tag & 7);
    }
  }

  skip(wire) {
    if (wire === 0) this.varint();
    else if (wire === 1) this.at += 8;
    else if (wire === 5) this.at += 4;
    else if (wire === 2) this.message();
    else throw new RangeError(`vector tile has the unknown wire type ${wire}`);
  }

  message() {
    const length = this.varint();
    const start = this.at;
    this.at += length;
    if (this.at > this.end) throw new RangeError("vector tile is cut off");
    return new ProtobufReader(this.bytes, start, this.at);
  }

  text() {
    const part = this.message();
    return new TextDecoder().decode(this.bytes.subarray(part.at, part.end));
  }

  float(size) {
    const view = new DataView(this.bytes.buffer, this.bytes.byteOffset + this.at, size);
    this.at += size;
    return size === 4 ? view.getFloat32(0, true) : view.getFloat64(0, true);
  }
}

function zigzag(value) {
  return value % 2 ? -(value + 1) / 2 : value / 2;
}

function readValue(reader) {
  let value = null;
  reader.each((field) => {
    if (field === 1) value = reader.text();
    else if (field === 2) value = reader.float(4);
    else if (field === 3) value = reader.float(8);
    else if (field === 4 || field === 5) value = reader.varint();
    else if (field === 6) value = zigzag(reader.varint());
    else if (field === 7) value = Boolean(reader.varint());
  });
  return value;
}

function readPacked(reader) {
  const part = reader.message();
  const numbers = [];
  while (part.at < part.end) numbers.push(part.varint());
  return numbers;
}

function readFeature(reader) {
  const feature = { id: null, tags: [], kind: 0, commands: [] };
  reader.each((field) => {
    if (field === 1) feature.id = reader.varint();
    else if (field === 2) feature.tags = readPacked(reader);
    else if (field === 3) feature.kind = reader.varint();
    else if (field === 4) feature.commands = readPacked(reader);
  });
  return feature;
}

/** Turn drawing commands into parts (lists of tile positions): move 1, line 2, close 7. */
function readParts(commands) {
  const parts = [];
  let part = null;
  let x = 0;
  let y = 0;
  for (let i = 0; i < commands.length; ) {
    const command = commands[i] & 7;
    const count = commands[i] >>> 3;
    i += 1;
    if (command === 7) {
      if (part) part.push(part[0]);
      continue;
    }
    for (let k = 0; k < count; k += 1, i += 2) {
      x += zigzag(commands[i]);
      y += zigzag(commands[i + 1]);
      if (command === 1) {
        part = [];
        parts.push(part);
      }
      part.push([x, y]);
    }
  }
  return parts;
}

function readLayer(reader) {
  const layer = { name: "", features: [], keys: [], values: [], extent: 4096 };
  reader.each((field) => {
    if (field === 1) layer.name = reader.text();
    else if (field === 2) layer.features.push(readFeature(reader.message()));
    else if (field === 3) layer.keys.push(reader.text());
    else if (field === 4) layer.values.push(readValue(reader.message()));
    else if (field === 5) layer.extent = reader.varint();
  });
  return layer;
}

/**
 * Read a tile's features. bytes: Uint8Array. index: {x, y, z} of the tile.
 * Returns [{id, layer, kind: point|line|polygon, parts: [[[lon, lat], ...], ...], properties}]; throws RangeError on
 * bytes that are no vector tile.
 */
export function readVectorTile(bytes, index) {
  const features = [];
  const tile = new ProtobufReader(bytes);
  tile.each((field) => {
    if (field !== 3) return;
    const layer = readLayer(tile.message());
    const place = placer(index, layer.extent);
    for (const raw of layer.features) {
      const properties = {};
      for (let i = 0; i + 1 < raw.tags.length; i += 2) {
        properties[layer.keys[raw.tags[i]]] = layer.values[raw.tags[i + 1]];
      }
      const parts = readParts(raw.commands).map((part) => part.map(place));
      features.push({ id: raw.id, layer: layer.name, kind: KINDS[raw.kind] ?? "unknown", parts, properties });
    }
  });
  return features;
}

function placer({ x, y, z }, extent) {
  const n = 2 ** z;
  return ([px, py]) => [
    ((x + px / extent) / n) * 360 - 180,
    Math.atan(Math.sinh(Math.PI * (1 - (2 * (y + py / extent)) / n))) * DEGREES,
  ];
}
