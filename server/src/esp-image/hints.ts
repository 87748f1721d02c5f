// What to do about a file that is no application image: where build tools put the right one.

/** Where every build tool puts the file to upload. */
export const APP_IMAGE_HINT =
  'Upload the application image: .pio/build/<env>/firmware.bin (PlatformIO), <sketch>.ino.bin after Sketch > Export Compiled Binary (Arduino IDE), build/<project>.bin (ESP-IDF).';

export const UNPACK_HINT = `Unpack it and upload the .bin inside. ${APP_IMAGE_HINT}`;

export const MERGED_HINT = `A device takes only the application, not the whole flash: not .ino.merged.bin, not firmware.factory.bin. ${APP_IMAGE_HINT}`;
