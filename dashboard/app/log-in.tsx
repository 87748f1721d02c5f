// The log-in page: the admin token, typed once, or a one-time link, whose code stands behind `#` in the address.

import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect, useEffectEvent, useState } from 'react';
import { openSession } from '#dashboard/data/api.ts';
import { sentence } from '#dashboard/data/queries.ts';
import { Command } from '#dashboard/parts/command.tsx';
import { Loading } from '#dashboard/parts/answers.tsx';
import logo from './otter.svg';

interface LogInProps {
  /** A session was there, and ended. */
  readonly isOver: boolean;
  readonly onDone: () => void;
}

export default function LogIn({ isOver, onDone }: LogInProps): ReactNode {
  const [isBusy, setBusy] = useState(false);
  const [token, setToken] = useState('');
  const [error, setError] = useState<string>();
  const enter = (by: Parameters<typeof openSession>[0]): void => {
    setBusy(true);
    setError(undefined);
    openSession(by).then(onDone, (failure: Error & { readonly hint?: string }) => {
      setError(`${sentence(failure.message)} ${sentence(failure.hint ?? '')}`);
      setBusy(false);
    });
  };
  const enterByLink = useEffectEvent(() => {
    const code = location.hash.slice(1);
    if (code === '') return;
    // The code is used up: it must not stay in the history.
    history.replaceState(null, '', location.pathname);
    enter({ code });
  });
  useEffect(() => {
    document.title = 'Log in · Otter';
    enterByLink();
    // A link that is pasted while this page is open loads no page.
    const onHash = (): void => enterByLink();
    addEventListener('hashchange', onHash);
    return () => removeEventListener('hashchange', onHash);
  }, []);
  return (
    <Center mih="100vh" p="md" component="main">
      <Paper withBorder radius="lg" p={32} w="100%" maw={420} bg="var(--otter-card)">
        <Stack gap="lg">
          <div>
            <img src={logo} alt="" width={44} height={44} />
            <Title order={1} mt="md">
              Log in to Otter
            </Title>
            <Text c="dimmed" size="sm" mt={4}>
              Over-the-air updates for your boards.
            </Text>
          </div>
          {isOver && error === undefined ? (
            <Alert color="yellow" variant="default" title="Your session is over">
              It was not used for long, or somebody ended it. Nothing was lost.
            </Alert>
          ) : null}
          {error === undefined ? null : (
            <Alert color="red" variant="default" title="That did not work" role="alert">
              {error}
            </Alert>
          )}
          {isBusy && token === '' ? <Loading /> : <TokenForm {...{ token, setToken, isBusy, enter }} />}
        </Stack>
      </Paper>
    </Center>
  );
}

interface TokenFormProps {
  readonly token: string;
  readonly setToken: (token: string) => void;
  readonly isBusy: boolean;
  readonly enter: (by: { readonly token: string }) => void;
}

function TokenForm({ token, setToken, isBusy, enter }: TokenFormProps): ReactNode {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        enter({ token: token.trim() });
      }}
    >
      <Stack gap="lg">
        <PasswordInput
          label="Admin token"
          description="On the server it stands in data/tokens/admin.token"
          autoComplete="current-password"
          value={token}
          onChange={({ currentTarget }) => setToken(currentTarget.value)}
          required
          withAsterisk={false}
          autoFocus
        />
        <Button type="submit" loading={isBusy} fullWidth disabled={token.trim() === ''}>
          Log in
        </Button>
        <Stack gap={6}>
          <Text size="sm" c="dimmed">
            Or, on the server&rsquo;s own machine, take a link that logs in by itself:
          </Text>
          <Command text="otter dashboard" />
        </Stack>
      </Stack>
    </form>
  );
}
