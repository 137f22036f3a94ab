import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { runProgram, runWarm, startProgram } from './program.ts';

const quick = ['--beta-rel', '0.1', '--no-path', '--no-compare', '--certify-seconds', '0', '--threads', '1'];
const unix = { skip: process.platform === 'win32' };

let folder: string;
const at = (name: string): string => path.join(folder, name);
const read = (name: string): string => readFileSync(at(name), 'utf8');
const rows = Array.from({ length: 24 }, (_, i) => [i / 24, Math.cos(i), Math.abs(i - 12)].join(',')).join('\n');
const data = `a,b,y\n${rows}\n`;
const problem = JSON.stringify({
  format: 'convexnet-problem/1',
  model: 'gated-relu',
  loss: 'squared',
  beta: 0.1,
  X: [[1], [2], [-1]],
  y: [1, 2, 0],
});

before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'convexnet-outputs-'));
  writeFileSync(at('data.csv'), data);
  writeFileSync(at('p.json'), problem);
});
after(() => rmSync(folder, { recursive: true, force: true }));

const temporaries = (): string[] => readdirSync(folder).filter((name) => name.endsWith('.tmp'));

describe('outputs that would destroy something', unix, () => {
  before(() => {
    symlinkSync('data.csv', at('symbolic.csv'));
    linkSync(at('data.csv'), at('hard.csv'));
    mkdirSync(at('sub'));
    symlinkSync('..', at('sub/up'));
    symlinkSync('loop', at('loop'));
    writeFileSync(at('old.json'), 'old');
    linkSync(at('old.json'), at('old2.json'));
  });

  const refused: [string, string[], RegExp][] = [
    ['the input', ['--out', 'data.csv'], /--out .*data\.csv: that is the input/],
    ['the input by a symbolic link', ['--out', 'symbolic.csv'], /that is the input/],
    ['the input by a hard link', ['--onnx', 'hard.csv'], /--onnx .*that is the input/],
    ['the input by a folder that is a link', ['--pytorch', 'sub/up/data.csv'], /that is the input/],
    ['two outputs with one name', ['--out', 'x.json', '--network', 'x.json'], /--out and --network name the same file/],
    ['two names of one new file', ['--out', 'x.json', '--network', 'sub/up/x.json'], /name the same file/],
    ['two hard links to one file', ['--out', 'old.json', '--problem', 'old2.json'], /name the same file/],
    ['a folder', ['--predictions', 'sub'], /--predictions .*it is a folder/],
    ['a folder that is not there', ['--out', 'gone/x.json'], /the folder .*gone does not exist/],
    ['links in a circle', ['--out', 'loop'], /circle/],
    ['an empty name', ['--out', ''], /a file name is needed/],
    ['a name that is too long', ['--out', `${'x'.repeat(300)}.json`], /the name is too long/],
  ];
  for (const [what, options, message] of refused) {
    it(`${what}: refused before anything is read`, async () => {
      const args = options.map((option, i) => (i % 2 === 0 || option === '' ? option : at(option)));
      const { status, stdout, stderr } = await runWarm(['train', at('data.csv'), ...args]);
      assert.equal(status, 2, stderr);
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
      assert.equal(stdout, '');
      assert.equal(read('data.csv'), data);
      assert.equal(read('old.json'), 'old');
      assert.ok(!existsSync(at('x.json')));
    });
  }

  it('a file that a problem names is not written over by its result', async () => {
    writeFileSync(at('X.csv'), '1\n2\n-1\n');
    writeFileSync(at('named.json'), JSON.stringify({ ...(JSON.parse(problem) as object), X: 'X.csv' }));
    const { status, stderr } = await runWarm(['solve', at('named.json'), '--out', at('X.csv')]);
    assert.equal(status, 2);
    assert.match(stderr, /X: cannot read "X\.csv": an output of this command has the same name/);
    assert.equal(read('X.csv'), '1\n2\n-1\n');
  });
});

describe('outputs that are written', unix, () => {
  it('keep the mode of what was there, follow links and leave no temporary file', async () => {
    writeFileSync(at('kept.json'), 'old');
    chmodSync(at('kept.json'), 0o640);
    symlinkSync('kept.json', at('link.json'));
    symlinkSync('new.onnx', at('link.onnx'));
    const args = ['train', at('data.csv'), ...quick, '--out', at('link.json'), '--onnx', at('link.onnx')];
    const { status, stderr } = await runProgram(args);
    assert.equal(status, 0, stderr);
    assert.equal((JSON.parse(read('kept.json')) as { format: string }).format, 'convexnet-run/1');
    assert.equal(statSync(at('kept.json')).mode & 0o777, 0o640);
    assert.ok(statSync(at('new.onnx')).size > 100);
    assert.deepEqual(temporaries(), []);
  });

  it('go to a pipe, to /dev/null and to standard output as they are', async () => {
    spawnSync('mkfifo', [at('pipe')]);
    const reader = spawn('cat', [at('pipe')], { stdio: ['ignore', 'pipe', 'inherit'] });
    let piped = '';
    reader.stdout.setEncoding('utf8').on('data', (text: string) => (piped += text));
    const read = new Promise((resolve) => reader.on('close', resolve));
    const { status, stderr } = await runProgram(['solve', at('p.json'), '--out', at('pipe')]);
    await read;
    assert.equal(status, 0, stderr);
    assert.ok(statSync(at('pipe')).isFIFO());
    const printed = await runProgram(['solve', at('p.json'), '--out', '/dev/stdout']);
    const dashed = await runProgram(['solve', at('p.json'), '--out', '-']);
    assert.equal((JSON.parse(dashed.stdout) as { status: string }).status, 'optimal', dashed.stderr);
    const plain = (text: string): unknown => ({ ...(JSON.parse(text) as object), seconds: 0, solveSeconds: 0 });
    assert.deepEqual(Object.keys(plain(printed.stdout) as object), Object.keys(plain(piped) as object));
    const nothing = await runProgram(['train', at('data.csv'), ...quick, '--out', '/dev/null', '--onnx', '/dev/null']);
    assert.equal(nothing.status, 0, nothing.stderr);
    assert.ok(statSync('/dev/null').isCharacterDevice());
  });

  it('are kept elsewhere when the disk is full, and the place is said', async () => {
    const args = ['train', at('data.csv'), ...quick, '--out', '/dev/full', '--network', at('n.json')];
    const { status, stdout, stderr } = await runProgram(args);
    assert.equal(status, 2);
    const [, kept] = /cannot write \/dev\/full: the disk is full; it was kept as (.*)\n/.exec(stderr)!;
    assert.equal((JSON.parse(readFileSync(kept, 'utf8')) as { format: string }).format, 'convexnet-run/1');
    rmSync(path.dirname(kept), { recursive: true });
    assert.match(stdout, /verdict/, 'the rest is done');
    assert.ok(existsSync(at('n.json')));
  });

  it('are whole or not at all on a disk that fills up', { skip: process.getuid?.() !== 0 }, async () => {
    const small = at('small');
    mkdirSync(small);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=12k', 'none', small]);
    if (mounted.status !== 0) return; // a container may not mount: /dev/full above stands for it
    try {
      writeFileSync(path.join(small, 'run.json'), 'old');
      const { status, stderr } = await runProgram([
        'train',
        at('data.csv'),
        ...quick,
        '--out',
        path.join(small, 'run.json'),
      ]);
      assert.equal(status, 2);
      assert.match(stderr, /the disk is full; it was kept as/);
      assert.deepEqual(readdirSync(small), ['run.json']);
      assert.equal(readFileSync(path.join(small, 'run.json'), 'utf8'), 'old');
    } finally {
      spawnSync('umount', [small]);
    }
  });

  it('are there when nobody reads what is printed', async () => {
    const { child, done } = startProgram(['train', at('data.csv'), ...quick, '--progress', '--out', at('unread.json')]);
    child.stdout!.destroy();
    child.stderr!.destroy();
    const { status } = await done;
    assert.equal(status, 0);
    assert.equal((JSON.parse(read('unread.json')) as { format: string }).format, 'convexnet-run/1');
  });

  for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT'] as const) {
    it(`hold the best point when ${signal} comes while it solves`, async () => {
      const noise = Array.from({ length: 300 }, (_, i) =>
        [1, 2, 3, 4, 5, 6, 7].map((k) => Math.sin(i * k * k + k)).join(','),
      );
      writeFileSync(at('long.csv'), `a,b,c,d,e,f,y\n${noise.join('\n')}\n`);
      const file = `${signal}.json`;
      const args = [
        'train',
        at('long.csv'),
        '--beta-rel',
        '0.1',
        '--epochs',
        '1000000',
        '--certify-seconds',
        '60',
        '--progress',
        '--out',
        at(file),
      ];
      const { child, done } = startProgram(args);
      let seen = '';
      await new Promise<void>((resolve) => {
        child.stderr!.on('data', (text: string) => {
          seen += text;
          if (/objective [\d.]+/.test(seen)) resolve();
        });
      });
      child.kill(signal);
      const { status, stderr } = await done;
      assert.ok(status === 0 || status === 3, `${status} ${stderr.slice(-300)}`);
      assert.equal((JSON.parse(read(file)) as { format: string }).format, 'convexnet-run/1');
      assert.deepEqual(temporaries(), []);
    });
  }
});

describe('files that a problem names', unix, () => {
  const solve = (X: string, more: readonly string[] = []): ReturnType<typeof runWarm> => {
    mkdirSync(at('problems'), { recursive: true });
    writeFileSync(at('problems/q.json'), JSON.stringify({ ...(JSON.parse(problem) as object), X }));
    return runWarm(['solve', at('problems/q.json'), ...more]);
  };
  before(() => {
    mkdirSync(at('problems/below'), { recursive: true });
    writeFileSync(at('problems/below/X.csv'), '1\n2\n-1\n');
    writeFileSync(at('outside.csv'), '1\n2\n-1\n');
    writeFileSync(at('problems/secret.txt'), 'password=hunter2\n');
    symlinkSync('../outside.csv', at('problems/leads-out.csv'));
    spawnSync('mkfifo', [at('problems/pipe.csv')]);
  });

  const refused: [string, RegExp][] = [
    ['/etc/passwd', /not below the folder/],
    ['/dev/zero', /not below the folder/],
    ['/proc/self/environ', /not below the folder/],
    ['../outside.csv', /not below the folder/],
    ['below/../../outside.csv', /not below the folder/],
    ['leads-out.csv', /not below the folder/],
    ['.', /not below the folder/],
    ['below', /it is a folder/],
    ['pipe.csv', /it is a pipe/],
    ['a\0b', /a character that no file name has/],
    ['gone.csv', /there is no such file/],
    ['q.json', /is not a finite number/],
  ];
  for (const [name, message] of refused) {
    it(`${JSON.stringify(name)}: one line, at once`, async () => {
      const { status, stdout, stderr } = await solve(name);
      assert.equal(status, 2);
      assert.equal(stdout, '');
      assert.match(stderr, message);
      assert.equal(stderr.trim().split('\n').length, 1);
      assert.doesNotMatch(stderr, /root:|hunter2|ENOENT|EISDIR/);
    });
  }

  it('below its folder are read, others when that is asked for', async () => {
    assert.equal((await solve('below/X.csv')).status, 0);
    const outside = await solve('../outside.csv', ['--allow-paths']);
    assert.equal(outside.status, 0, outside.stderr);
    const device = await solve('/dev/zero', ['--allow-paths']);
    assert.equal(device.status, 2);
    assert.match(device.stderr, /it is a device/);
  });

  it('that are no tables of numbers are not quoted', async () => {
    const { stderr } = await solve('secret.txt');
    assert.match(stderr, /row 1.*is not a finite number/);
    assert.doesNotMatch(stderr, /hunter2|password/);
  });

  for (const args of [
    ['solve', '/dev/zero'],
    ['certify', '/dev/zero', '/dev/zero'],
    ['train', '/dev/zero'],
    ['structure', '/dev/zero'],
    ['mlp', '/dev/zero'],
    ['predict', '/dev/zero', '/dev/zero'],
    ['train', '.'],
    ['solve', 'gone.json'],
  ]) {
    it(`${args.join(' ')}: refused at once`, async () => {
      const { status, stderr } = await runWarm(args);
      assert.equal(status, 2);
      assert.match(stderr, /cannot read .*: (it is a|there is no)/);
      assert.equal(stderr.trim().split('\n').length, 1);
    });
  }
});

describe('what data hold, on the terminal', () => {
  it('control characters, line ends and hidden marks are shown as escapes in every message and report', async () => {
    const names = ['a\u001b[2J\u001b]0;PWNED\u0007', 'b\u202e\u009b31m', 'y\nverdict: proven'];
    const csv = `${names.map((name) => `"${name}"`).join(',')}\n${rows}\n`;
    writeFileSync(at('escapes.csv'), csv);
    const trained = await runWarm(['train', at('escapes.csv'), ...quick]);
    assert.equal(trained.status, 0, trained.stderr);
    const wrong = await runWarm(['train', at('escapes.csv'), '--target', 'x\u001b[31m\nforged']);
    assert.equal(wrong.status, 2);
    assert.equal(wrong.stderr.trim().split('\n').length, 1);
    const summary = await runWarm(['mlp', at('escapes.csv'), '--set', 'epochs=2', '--out', at('mlp.json')]);
    for (const { stdout, stderr } of [trained, wrong, summary])
      assert.doesNotMatch(stdout + stderr, /[^\P{Cc}\n]|[\u202a-\u202e]/u);
    assert.match(trained.stdout, /y\\nverdict: proven/);
    assert.match(trained.stdout, /a\\x1b\[2J/);
  });
});
