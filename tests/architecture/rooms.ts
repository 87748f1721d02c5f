// Who may import whom: the table of ARCHITECTURE.md, as the tests check it. A room is a folder with everything below it that is
// no room of its own, or one file. A module is known by its resolved path, whatever its specifier looks like.

export interface Room {
  readonly room: string;
  /** Rooms of ours, beside itself. */
  readonly may: readonly string[];
  readonly packages: readonly string[];
  /** Whether it may use `node:` modules. */
  readonly node: boolean;
  /** No clock, time zone, randomness, timer or process, by any name. */
  readonly pure?: true;
}

const SERVER = [
  'http',
  'jobs',
  'service',
  'db',
  'disk',
  'storage',
  'esp-image',
  'time',
  'values',
  'home',
  'config',
  'certs',
  'backup',
];

const DASHBOARD = ['app', 'data', 'parts', 'screens', 'theme'];
const REACT = ['react', 'react-dom'];
const MANTINE = ['@mantine/core', '@mantine/hooks', '@mantine/notifications'];
/** Icons, and links between screens. */
const LOOKS = ['@tabler/icons-react', 'wouter'];

export const ROOMS: readonly Room[] = [
  { room: 'protocol', may: [], packages: ['typebox'], node: true },
  { room: 'protocol/query', may: ['protocol'], packages: [], node: false, pure: true },
  { room: 'engine', may: ['protocol'], packages: [], node: false, pure: true },
  { room: 'server/src/time', may: ['protocol'], packages: ['croner'], node: false },
  { room: 'server/src/values', may: ['protocol', 'server/src/time'], packages: [], node: true },
  { room: 'server/src/certs', may: ['protocol'], packages: ['@peculiar/x509', 'reflect-metadata'], node: true },
  { room: 'server/src/esp-image', may: ['protocol', 'engine'], packages: [], node: true },
  { room: 'server/src/storage', may: ['protocol'], packages: [], node: true },
  { room: 'server/src/disk', may: ['protocol'], packages: [], node: true },
  {
    room: 'server/src/db',
    may: ['protocol', 'protocol/query', 'engine', 'server/src/disk'],
    packages: ['kysely', 'pg', 'typebox'],
    node: true,
  },
  {
    room: 'server/src/service',
    may: [
      'protocol',
      'protocol/query',
      'engine',
      ...['db', 'storage', 'esp-image', 'certs', 'time', 'values', 'version.ts'].map((name) => `server/src/${name}`),
    ],
    packages: ['csv-parse', 'csv-stringify', 'nodemailer', 'pino', 'typebox'],
    node: true,
  },
  {
    room: 'server/src/http',
    may: ['protocol', 'server/src/service', 'server/src/version.ts'],
    packages: ['fastify', '@fastify/swagger', '@scalar/fastify-api-reference', 'typebox'],
    node: true,
  },
  { room: 'server/src/jobs', may: ['protocol', 'server/src/service'], packages: ['pino'], node: true },
  {
    room: 'server/src/config',
    may: ['protocol', 'engine', 'server/src/certs', 'server/src/time', 'server/src/values'],
    packages: ['typebox', 'yaml'],
    node: true,
  },
  {
    room: 'server/src/home',
    may: ['protocol', 'server/src/certs', 'server/src/config', 'server/src/disk'],
    packages: [],
    node: true,
  },
  {
    room: 'server/src/backup',
    may: [
      'protocol',
      ...['config', 'db', 'disk', 'home', 'service', 'storage', 'version.ts'].map((name) => `server/src/${name}`),
    ],
    packages: ['age-encryption', 'typebox'],
    node: true,
  },
  { room: 'server/src/version.ts', may: [], packages: [], node: true },
  {
    room: 'server/src',
    may: ['protocol', 'server/src/version.ts', ...SERVER.map((name) => `server/src/${name}`)],
    packages: ['pino'],
    node: true,
  },
  {
    room: 'cli',
    may: [
      'protocol',
      'protocol/query',
      'simulator',
      'simulator/simulation',
      ...['serve.ts', 'home', 'config', 'certs', 'esp-image', 'backup'].map((name) => `server/src/${name}`),
    ],
    packages: ['@commander-js/extra-typings', 'age-encryption', 'picocolors', 'typebox', 'uqr'],
    node: true,
  },
  { room: 'simulator', may: ['protocol'], packages: ['picocolors', 'typebox'], node: true },
  {
    room: 'simulator/simulation',
    may: ['protocol', 'engine', 'simulator'],
    packages: [],
    node: false,
    pure: true,
  },
  {
    room: 'dashboard',
    may: ['protocol', ...DASHBOARD.map((name) => `dashboard/${name}`)],
    packages: [...REACT, ...MANTINE, 'get-nonce', 'vite', '@vitejs/plugin-react'],
    node: false,
  },
  { room: 'dashboard/theme', may: [], packages: ['@mantine/core'], node: false },
  { room: 'dashboard/data', may: ['protocol'], packages: [...REACT, ...MANTINE, '@tanstack/react-query'], node: false },
  {
    room: 'dashboard/parts',
    may: ['protocol', 'dashboard/data'],
    packages: [...REACT, ...MANTINE, ...LOOKS, '@tanstack/react-query'],
    node: false,
  },
  {
    // The simulation runs where it is asked for, as that of the command line does.
    room: 'dashboard/screens',
    may: ['protocol', 'protocol/query', 'simulator', 'simulator/simulation', 'dashboard/data', 'dashboard/parts'],
    packages: [
      ...REACT,
      ...MANTINE,
      ...LOOKS,
      '@tanstack/react-query',
      '@tanstack/react-virtual',
      'uplot',
      'esptool-js',
    ],
    node: false,
  },
  {
    room: 'dashboard/app',
    may: ['protocol', ...['data', 'parts', 'screens', 'theme'].map((name) => `dashboard/${name}`)],
    packages: [...REACT, ...MANTINE, ...LOOKS, '@mantine/spotlight', '@tanstack/react-query'],
    node: false,
  },
];
