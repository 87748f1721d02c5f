// The way from files to a board that runs them, as one state: which step it is at, and what can be done there. A page that is left while
// bytes are written does not stop them.

import { useEffect, useRef, useState } from 'react';
import { call } from '#dashboard/data/api.ts';
import type { Device } from '#protocol/admin/devices.ts';
import type { FlashPlan } from './flash-files.ts';
import { FlashTrouble } from './flash-trouble.ts';
import type { ConnectedBoard, Progress } from './flasher.ts';

interface Connected {
  readonly step: 'connected';
  readonly board: ConnectedBoard;
  readonly known: Device | undefined;
}

export type FlashState =
  | { readonly step: 'files' }
  | { readonly step: 'connecting' }
  /** `known` is the device of that MAC, where it has checked in before. */
  | Connected
  | { readonly step: 'working'; readonly progress: Progress; readonly isStopping: boolean }
  | { readonly step: 'done'; readonly mac: string | undefined; readonly known: Device | undefined }
  | { readonly step: 'failed'; readonly trouble: FlashTrouble; readonly share: number | undefined };

export interface Flash {
  readonly state: FlashState;
  readonly connect: (plan: FlashPlan) => Promise<void>;
  readonly write: (connected: Connected, plan: FlashPlan, erasesAll: boolean) => Promise<void>;
  readonly stop: () => void;
  readonly reset: () => void;
}

export function useFlash(): Flash {
  const [state, setState] = useState<FlashState>({ step: 'files' });
  const stopping = useRef<AbortController>(undefined);
  const open = useRef<ConnectedBoard>(undefined);
  useWarningBeforeClosing(state.step === 'working');
  // A board that waits in its loader starts what it has.
  useEffect(() => () => void open.current?.leave(), []);
  const reset = (): void => {
    void open.current?.leave();
    open.current = undefined;
    setState({ step: 'files' });
  };
  const connect = async (plan: FlashPlan): Promise<void> => {
    const port = await navigator.serial?.requestPort().catch(() => undefined);
    // Nothing was picked in the dialog of the browser.
    if (port === undefined) return;
    setState({ step: 'connecting' });
    try {
      const { connectBoard } = await import('./flasher.ts');
      const board = await connectBoard(port, plan);
      open.current = board;
      setState({ step: 'connected', board, known: await findKnown(board.mac) });
    } catch (error) {
      setState({ step: 'failed', trouble: troubleOf(error), share: undefined });
    }
  };
  const write = async ({ board, known }: Connected, plan: FlashPlan, erasesAll: boolean): Promise<void> => {
    const controller = new AbortController();
    stopping.current = controller;
    open.current = undefined;
    let share = 0;
    const onProgress = (progress: Progress): void => {
      ({ share } = progress);
      setState({ step: 'working', progress, isStopping: controller.signal.aborted });
    };
    onProgress({ doing: erasesAll ? 'erasing' : 'writing', share: 0 });
    try {
      await board.flash(plan, { erasesAll, signal: controller.signal, onProgress });
      setState({ step: 'done', mac: board.mac, known });
    } catch (error) {
      setState({ step: 'failed', trouble: troubleOf(error), share });
    }
  };
  const stop = (): void => {
    stopping.current?.abort();
    setState((before) => (before.step === 'working' ? { ...before, isStopping: true } : before));
  };
  return { state, connect, write, stop, reset };
}

async function findKnown(mac: string | undefined): Promise<Device | undefined> {
  if (mac === undefined) return undefined;
  const found = await call('getDevice', { params: { device: mac } }).catch(() => undefined);
  return found?.device;
}

function troubleOf(error: unknown): FlashTrouble {
  if (error instanceof FlashTrouble) return error;
  return new FlashTrouble('other', error instanceof Error ? error.message : 'It did not work.');
}

function useWarningBeforeClosing(isOn: boolean): void {
  useEffect(() => {
    if (!isOn) return undefined;
    const ask = (event: Event): void => event.preventDefault();
    addEventListener('beforeunload', ask);
    return () => removeEventListener('beforeunload', ask);
  }, [isOn]);
}
