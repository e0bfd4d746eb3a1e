// The package that brings its sidecar along: one upload, and what becomes of the program through everything that
// happens to NocoBase, to it and to its file.
//
//   node managed.mjs [instance]
//
// NBDT_NOCOBASE_DIALECT  postgres (default) or mariadb
// NBDT_NOCOBASE_LAUNCH   node (default), dev or pm2; CLUSTER=2 with pm2 for two processes
// KEEP=1                 leaves everything running
// Mounting needs root. See nocobase.mjs for where and how NocoBase is installed.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { binary, packManaged, PLATFORM } from './programs.mjs';
import { HAN_MEIMEI, LI_LEI, NAME, Site, Steps, until } from './site.mjs';

const dialect = process.env.NBDT_NOCOBASE_DIALECT ?? 'postgres';
const launch = process.env.NBDT_NOCOBASE_LAUNCH ?? 'node';
const processes = Number(process.env.CLUSTER ?? 1);
const CANARY = 'canary-of-the-environment';

const steps = new Steps();
const env = { SOMEBODY_ELSES_SECRET: CANARY };
const site = await Site.open(process.argv[2] ?? `managed-${dialect}`, { dialect, launch, env, managed: true });
const { nocobase, program } = site;
const logged = () => fs.readFileSync(nocobase.logFile, 'utf8') + systemLogs();

/** NocoBase's own logger writes into files. */
function systemLogs() {
  const folder = path.join(nocobase.folder, 'storage/logs/main');
  if (!fs.existsSync(folder)) return '';
  return fs.readdirSync(folder).filter((name) => name.startsWith('system')).map((name) => fs.readFileSync(path.join(folder, name), 'utf8')).join('');
}

/** One program for each NocoBase process, each started by another one. */
async function expectRunning(count = processes) {
  await until(`${count} programs run`, () => program.running().length === count, 60);
  assert.equal(new Set(program.running().map((one) => one.parent)).size, count, 'two programs of one process');
  if (count) await until('the program answers', async () => (await site.programFinding())?.status === 'ok', 60);
  assert.equal(program.running().length, count);
}

async function expectSignIn(who = LI_LEI.person) {
  const { token, user } = await site.signIn(who);
  const check = await site.asSession('auth:check', token);
  assert.deepEqual([check.status, check.json?.data?.id], [200, user.id], check.text);
  return { token, user };
}

const restart = async () => {
  await nocobase.stop();
  await nocobase.start();
};

/**
 * NocoBase 2.2.15 lets each of its processes record the same migrations at the start: whoever is second fails with
 * "Validation error" and serves nothing, before any plugin is loaded. Each start leaves fewer of them.
 */
async function startTogether() {
  for (let start = 1; ; start += 1) {
    await restart();
    try {
      await expectRunning();
      return;
    } catch (error) {
      const isTheirs = /Validation error/.test(systemLogs());
      if (!isTheirs || start === 5) throw error;
    }
  }
}

/** The sentence that stands in for the program, wherever an administrator looks. */
async function expectReason(pattern) {
  const finding = await until(`the reason ${pattern} is told`, async () => {
    const told = await site.programFinding();
    return told && pattern.test(told.message) ? told : null;
  });
  assert.equal(finding.status, 'error');
  assert.match(finding.action, /DINGTALK_SIDECAR_URL/);
  const form = await nocobase.request('dingtalk:configForm', { method: 'GET', token: await nocobase.administrator() });
  assert.deepEqual([form.status, form.json.errors[0].code], [503, 'SIDECAR_UNAVAILABLE']);
  assert.match(form.json.errors[0].message, pattern);
  assert.match(logged(), pattern);
  const hindi = await nocobase.request('dingtalk:diagnose', { token: await nocobase.administrator(), headers: { 'X-Locale': 'hi-IN' } });
  assert.match(hindi.json.data.findings[0].message, /[\u0900-\u097f]/);
  const started = await nocobase.request(`auth:redirect?authenticator=${NAME}&return=/signin`, { method: 'GET' });
  assert.match(started.headers.get('location'), /error=SIDECAR_UNAVAILABLE/);
  assert.ok(await nocobase.administrator(), 'passwords do not work');
  return finding.message;
}

/** Uploads the package with another program in it, as the plugin manager page does. */
async function uploadWith(bytes, name) {
  const file = path.join(site.folder, name);
  fs.writeFileSync(file, bytes, { mode: 0o755 });
  await site.uploadPackage(await packManaged(path.join(site.folder, `${name}.tgz`), { program: file }));
}

try {
  await site.createUser({ nickname: 'Lei', username: 'lilei', phone: LI_LEI.phone });
  await steps.step('one upload and a switch: the program runs, and people sign in', async () => {
    await site.installPlugin();
    await site.createAuthenticator();
    if (processes > 1) {
      // Not before: without a broker NocoBase's processes do not tell each other what was enabled, and two of them are in
      // each other's way at the first start.
      nocobase.extraEnv.CLUSTER_MODE = processes;
      await startTogether();
    } else {
      await expectRunning();
    }
    const { token, user } = await site.signIn(LI_LEI.person);
    await site.expectLivingSession(token, user.id);
    const fresh = await site.signIn(HAN_MEIMEI.person);
    assert.equal(fresh.user.phone, HAN_MEIMEI.phone);
    return `package of ${(fs.statSync(site.packageFile).size / 1e6).toFixed(1)} MB`;
  });
  await steps.step('the packed program is also the doctor of the command line, as docs/operations.md says', async () => {
    const report = await site.examine();
    for (const check of ['database', 'secret', 'plugin', 'settings']) {
      assert.equal(report.findings.find((finding) => finding.check === check)?.status, 'ok', `${check}: ${JSON.stringify(report)}`);
    }
    return report.verdict;
  });
  await steps.step('"Test connection" says which program runs', async () => {
    const first = await until('the doctor answers', () => site.programFinding());
    assert.equal(first.check, 'program');
    assert.match(first.message, new RegExp(`^Sidecar \\d+\\.\\d+\\.\\d+ \\(${PLATFORM}\\), started by the plugin, has been running since .* NocoBase started: 0\\.$`));
    return first.message;
  });
  await steps.step('arguments and environment hold no secret, and nothing that was not meant for the program', async () => {
    const [{ pid }] = program.running();
    const shown = fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8') + fs.readFileSync(`/proc/${pid}/environ`, 'utf8');
    for (const secret of [CANARY, nocobase.state.appKey, nocobase.state.databasePassword, 'admin123', 'DB_', 'APP_KEY', 'NODE_']) {
      assert.ok(!shown.includes(secret), `${secret} can be seen`);
    }
    assert.ok(shown.includes('DINGTALK_API_URL='), 'what is meant for the program did not reach it');
  });
  await steps.step('it listens on a socket in a private folder and on no port', async () => {
    for (const { pid } of program.running()) {
      const inodes = fs.readdirSync(`/proc/${pid}/fd`).map((fd) => /^socket:\[(\d+)\]$/.exec(fs.readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]).filter(Boolean);
      const rows = (file) => fs.readFileSync(`/proc/${pid}/net/${file}`, 'utf8').split('\n').map((line) => line.trim().split(/\s+/));
      const listening = [...rows('tcp'), ...rows('tcp6')].filter((row) => row[3] === '0A' && inodes.includes(row[9]));
      assert.deepEqual(listening, []);
      const socket = rows('unix').find((row) => row[7]?.endsWith('/s') && inodes.includes(row[6]));
      assert.equal(fs.statSync(path.dirname(socket[7])).mode & 0o777, 0o700);
    }
  });
  await steps.step('its lines are in NocoBase\'s log with their level, and the audit is in the storage, a name for each process', async () => {
    assert.match(logged(), /DingTalk sidecar: ready at unix:/);
    const names = fs.readdirSync(path.join(nocobase.folder, 'storage/dingtalk/audit'));
    assert.ok(names.length >= 1 && names.every((name) => /-\d+\.jsonl$/.test(name)), names.join());
    assert.ok(site.audit().some((entry) => entry.result === 'OK'));
    const told = await nocobase.request(`dingtalk:audit?authenticator=${NAME}`, { method: 'GET', token: await nocobase.administrator() });
    assert.equal(told.json.meta.count, site.audit().length, 'the log of sign-ins does not show all processes');
  });
  await steps.step('killed, it is there again, and 200 sign-ins meanwhile lose nobody for good', async () => {
    await site.dingtalk.clearFaults();
    const before = program.running().map((one) => one.pid);
    let failed = 0;
    let tries = 0;
    const one = async (number) => {
      for (let attempt = 1; ; attempt += 1) {
        tries += 1;
        try {
          const answer = await site.finish(await site.comeBack(number % 2 ? LI_LEI.person : HAN_MEIMEI.person));
          if (answer.status === 200) return;
        } catch (error) {
          if (attempt > 20) throw error;
        }
        failed += 1;
        assert.ok(attempt <= 20, `sign-in ${number} is lost`);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    };
    const everyone = (async () => {
      const queue = Array.from({ length: 200 }, (_, number) => number);
      await Promise.all(Array.from({ length: 8 }, async () => {
        while (queue.length) await one(queue.pop());
      }));
    })();
    await until('some have signed in', () => tries > 20);
    for (const pid of before) process.kill(pid, 'SIGKILL');
    await everyone;
    await expectRunning();
    assert.ok(program.running().every(({ pid }) => !before.includes(pid)));
    assert.match(logged(), /was ended by SIGKILL and is started again/);
    const first = await until('the doctor answers', () => site.programFinding());
    assert.match(first.message, /NocoBase started: 1\.$/);
    return `${tries} tries, ${failed} repeated`;
  });
  if (processes === 1) {
    await steps.step('disabled, none is left; enabled, one', async () => {
      assert.equal((await site.setEnabled(false)).status, 200);
      await until('no program is left', () => program.running().length === 0, 5);
      assert.equal((await site.setEnabled(true)).status, 200);
      await expectRunning();
      await expectSignIn();
    });
    await steps.step('NocoBase restarts itself for another plugin: still one', async () => {
      const [before] = program.running();
      assert.equal((await site.setEnabled(true, '@nocobase/plugin-departments')).status, 200);
      await expectRunning();
      assert.notEqual(program.running()[0].pid, before.pid);
      await expectSignIn();
    });
  }
  if (launch === 'node') {
    await steps.step('NocoBase killed with -9: no program is left after two seconds, and no socket', async () => {
      const [{ pid, parent }] = program.running();
      const socket = fs.readFileSync(`/proc/${pid}/net/unix`, 'utf8').split('\n').map((line) => line.trim().split(/\s+/)[7]).filter((name) => /nbdt-\w+\/s$/.test(name ?? '') && fs.existsSync(name));
      assert.equal(socket.length >= 1, true);
      const started = Date.now();
      process.kill(parent, 'SIGKILL');
      await until('the program is gone', () => program.running().length === 0, 5);
      const took = Date.now() - started;
      assert.ok(took < 2000, `${took} ms`);
      await restart();
      await expectRunning();
      return `${took} ms`;
    });
    for (const signal of ['SIGTERM', 'SIGINT']) {
      await steps.step(`NocoBase ended by ${signal}: no program is left`, async () => {
        const [{ parent }] = program.running();
        process.kill(parent, signal);
        await until('the program is gone', () => program.running().length === 0, 15);
        await restart();
        await expectRunning();
      });
    }
    await steps.step('with DINGTALK_SIDECAR_URL no program is started', async () => {
      nocobase.extraEnv.DINGTALK_SIDECAR_URL = 'http://127.0.0.1:9';
      await restart();
      await expectRunning(0);
      const finding = await until('the doctor answers', () => site.programFinding());
      assert.match(finding.message, /http:\/\/127\.0\.0\.1:9 cannot be reached: ECONNREFUSED/);
      delete nocobase.extraEnv.DINGTALK_SIDECAR_URL;
      await restart();
      await expectRunning();
      return finding.message;
    });
    const withoutProgram = async (title, pattern, damage, mend) => {
      await steps.step(title, async () => {
        await nocobase.stop();
        await damage();
        try {
          await nocobase.start();
          return await expectReason(pattern);
        } finally {
          await nocobase.stop();
          await mend();
          await nocobase.start();
          await expectRunning();
        }
      });
    };
    const kept = path.join(site.folder, 'kept-program');
    fs.copyFileSync(program.file, kept);
    const mendFile = () => {
      fs.rmSync(program.file, { force: true });
      fs.copyFileSync(kept, program.file);
      fs.chmodSync(program.file, 0o755);
    };
    await withoutProgram('a damaged program is not run', /is damaged/, () => fs.appendFileSync(program.file, 'x'), mendFile);
    await withoutProgram('a missing program is told', /is damaged/, () => fs.rmSync(program.file), mendFile);
    await withoutProgram('a program that nobody may run is told', /may not run the program/, () => fs.chmodSync(program.file, 0o644), mendFile);
    const folder = path.dirname(program.file);
    await withoutProgram(
      'a storage that runs no programs is told',
      /mounted noexec/,
      () => {
        execFileSync('mount', ['--bind', folder, folder]);
        execFileSync('mount', ['-o', 'remount,bind,noexec', folder]);
      },
      () => execFileSync('umount', [folder]),
    );
    await steps.step('mended while NocoBase runs, "Test connection" brings it back', async () => {
      await program.stop();
      await expectReason(/may not run the program/);
      await program.start();
      await expectRunning();
      await expectSignIn();
    });
    await steps.step('a full disk keeps nobody out', async () => {
      const storage = path.join(nocobase.folder, 'storage/dingtalk');
      await nocobase.stop();
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', storage]);
      try {
        await nocobase.start();
        await expectRunning();
        try {
          fs.writeFileSync(path.join(storage, 'filler'), Buffer.alloc(1 << 20));
        } catch (error) {
          assert.equal(error.code, 'ENOSPC');
        }
        await expectSignIn();
        assert.match(logged(), /the audit could not be written/);
      } finally {
        await nocobase.stop();
        execFileSync('umount', [storage]);
        await nocobase.start();
        await expectRunning();
      }
    });
  }
  if (processes === 1) {
    const bytes = fs.readFileSync(program.file);
    await steps.step('a newer package over the running one replaces the program; who had begun before ends after', async () => {
      const begun = await site.comeBack(LI_LEI.person);
      const [before] = program.running();
      await uploadWith(Buffer.concat([bytes, Buffer.from('newer')]), 'newer');
      await until('another program runs', () => program.running().length === 1 && program.running()[0].pid !== before.pid, 120);
      await nocobase.untilHealthy();
      await expectRunning();
      assert.ok(fs.readFileSync(program.file).subarray(-5).equals(Buffer.from('newer')));
      const answer = await site.finish(begun);
      assert.equal(answer.status, 200, answer.text);
    });
    await steps.step('a package with a program for another processor: one sentence, and passwords work', async () => {
      // The head of a program for this platform, of a kind that the system cannot run.
      const stub = Buffer.from(bytes.subarray(0, 4096));
      stub.fill(0xff, 24, 64);
      await uploadWith(stub, 'stub');
      await until('the program is gone', () => program.running().length === 0, 120);
      await nocobase.untilHealthy();
      return expectReason(/another processor/);
    });
    await steps.step('a package for a sidecar elsewhere over it: no program; the managed one over that: one', async () => {
      const remote = path.join(site.folder, 'remote.tgz');
      execFileSync(binary(), ['plugin', 'pack', '--remote', 'http://127.0.0.1:9', '--output', remote]);
      await site.uploadPackage(remote);
      await until('the other place is told', async () => /127\.0\.0\.1:9/.test((await site.programFinding().catch(() => null))?.message ?? ''), 120);
      await expectRunning(0);
      await site.uploadPackage();
      await until('a program runs', () => program.running().length === 1, 120);
      await nocobase.untilHealthy();
      await expectRunning();
      await expectSignIn();
    });
  }
  await steps.step('NocoBase stopped: no program is left', async () => {
    await nocobase.stop();
    await until('the program is gone', () => program.running().length === 0, 10);
  });
} catch (error) {
  await steps.step('the site is prepared', () => { throw error; });
} finally {
  await site.close();
}
steps.end();
