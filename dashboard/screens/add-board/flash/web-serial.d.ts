// What this folder uses of Web Serial (https://wicg.github.io/serial/), which the types of TypeScript do not have.

interface WebSerialPort extends EventTarget {
  readonly readable: ReadableStream<Uint8Array> | null;
  readonly writable: WritableStream<Uint8Array> | null;
  readonly open: (options: { readonly baudRate: number }) => Promise<void>;
  readonly close: () => Promise<void>;
  readonly getInfo: () => { readonly usbVendorId?: number; readonly usbProductId?: number };
}

interface Navigator {
  /** Not in every browser, and on secure pages alone. */
  readonly serial?: {
    readonly requestPort: () => Promise<WebSerialPort>;
  };
}
