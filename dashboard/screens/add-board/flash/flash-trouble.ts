// What can go wrong with a board on a cable, each with a sentence and what to do. A part of the page, so that it can be shown before and
// after the loader is there.

export type FlashTroubleKind =
  'no_answer' | 'port_busy' | 'lost' | 'wrong_chip' | 'too_large' | 'locked' | 'cancelled' | 'other';

export class FlashTrouble extends Error {
  readonly kind: FlashTroubleKind;

  constructor(kind: FlashTroubleKind, message: string) {
    super(message);
    this.name = 'FlashTrouble';
    this.kind = kind;
  }
}

export const TO_DO: Readonly<Record<FlashTroubleKind, string>> = {
  no_answer:
    'Hold the button BOOT (on some boards IO0) on the board, press and let go of RESET, let go of BOOT, and try again. A cable that only charges is the other usual cause.',
  port_busy:
    'Another program has the port: close the serial monitor, the Arduino IDE or other tabs that use it, and try again.',
  lost: 'Nothing is broken: the loader of a board is in its chip and cannot be overwritten. Plug the board in again and flash it once more, from the beginning.',
  wrong_chip: 'Nothing was written. Choose the file that was built for this board, or plug in the other board.',
  too_large: 'Nothing was written. Build for the flash that this board has.',
  locked: 'Nothing was written. A board with secure download mode is flashed with the keys of who locked it.',
  cancelled: 'The board has no whole firmware now. Flash it once more, from the beginning, when you like.',
  other: 'Try once more. If it stays so, unplug the board and plug it in again, or use another cable.',
};
