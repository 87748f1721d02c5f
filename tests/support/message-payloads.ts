// Texts that are more than text for a chat, a mail or a phone: mentions, links and marks of Slack, Teams, Discord and ntfy, HTML, what ends a
// head or a mail, and controls of a line. Each holds one word, so that it is found again.

/** Stands in each of them. */
export const PAYLOAD_WORD = 'zebra';

const HOST = 'otter.invalid';

const SLACK = [
  '<!channel> zebra',
  '<!here|zebra>',
  '<!everyone> zebra',
  '<@U012AB3CD> zebra',
  '<#C024BE7LR|zebra>',
  `<https://${HOST}|zebra>`,
  `<mailto:eve@${HOST}|zebra>`,
  `<!date^1392734382^{date}^https://${HOST}|zebra>`,
  '*zebra*',
  '_zebra_',
  '~zebra~',
  '`zebra`',
  '&lt;!channel&gt; zebra',
];
const DISCORD = [
  '@everyone zebra',
  '@here zebra',
  '<@123456789012345678> zebra',
  '<@&123456789012345678> zebra',
  '</zebra:123456789012345678>',
  '<t:1618953630:R> zebra',
  '||zebra||',
  '__zebra__',
  '# zebra',
  '-# zebra',
  '- zebra',
  '1. zebra',
  '> zebra',
  ':zebra:',
];
const LINKS = [
  `[zebra](https://${HOST})`,
  `![zebra](https://${HOST}/x.png)`,
  `\\[zebra](https://${HOST})`,
  `https://${HOST}/zebra`,
  `HTTP://${HOST}/zebra`,
  `WWW.${HOST}/zebra`,
  'zebra://settings',
  'javascript:alert(1)//zebra',
];
const TEAMS = ['<at>zebra</at>', '{{DATE(2017-02-14T06:00:00Z, SHORT)}} zebra', '{{{{zebra}}}}', '${zebra}'];
const HTML = [
  '<img src=x onerror=alert(1)> zebra',
  '<script>alert(1)</script>zebra',
  `</body><a href="https://${HOST}">zebra</a>`,
];
const HEADS = [
  `zebra\r\nBcc: eve@${HOST}`,
  `\r\n.\r\nMAIL FROM:<eve@${HOST}>\r\nzebra`,
  `zebra\u0085Bcc: eve@${HOST}`,
  `zebra\u2028Bcc: eve@${HOST}`,
  '=?utf-8?B?c2Vlbg==?= zebra',
];
const CONTROLS = ['\u001B[31mzebra', '\u009B31mzebra', '\u202Ezebra'];

export const MESSAGE_PAYLOADS: readonly string[] = [
  ...SLACK,
  ...DISCORD,
  ...LINKS,
  ...TEAMS,
  ...HTML,
  ...HEADS,
  ...CONTROLS,
];
