// A mistake in a screen leaves a sentence and a way out, not an empty page.

import { Button, Center } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { Empty } from '#dashboard/parts/answers.tsx';

interface Props {
  readonly children: ReactNode;
}

export class ErrorBoundary extends Component<Props, { readonly error: Error | undefined }> {
  override state: { readonly error: Error | undefined } = { error: undefined };

  static getDerivedStateFromError(error: Error): { readonly error: Error } {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (error === undefined) return this.props.children;
    return (
      <Center mih="60vh">
        <Empty
          title="This page has failed"
          tone="bad"
          action={<Button onClick={() => location.reload()}>Load it again</Button>}
        >
          {error.message}. The server and your boards are not concerned.
        </Empty>
      </Center>
    );
  }
}
