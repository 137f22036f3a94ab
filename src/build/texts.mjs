/**
 * The interface in the editor's language. Pages are written in English, as plain JSX and literals; the bundler passes each text that people
 * read through `text` of src/shared/texts.ts, which looks it up in the bundle of the editor's language (l10n/). The same scan lists the texts,
 * so that none can be forgotten: a text without its translation fails a test (test/host/languages.test.ts).
 *
 * A text is: what stands between tags; an attribute, a property or an argument that is shown by its name; any literal that is a sentence or
 * begins with a capital. A template is one text with {0}, {1} for what is put in, and so is an element that mixes words with other children.
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';

/** What the pages show: their own code, and the shared files that hold sentences. */
const sharedTexts = [
  ...[
    'batchNorm',
    'glossary',
    'labMlp',
    'lesson',
    'modelComparison',
    'models',
    'networkName',
    'optimalSet',
    'outputs',
    'remedy',
    'rowModel',
    'runView',
  ],
  ...['threeLayerWords', 'remarks', 'usefulness', 'verdict'],
].map((name) => `src/shared/${name}.ts`);
const isPage = (file) => /^webview\/.*\.tsx?$/.test(file) && !file.endsWith('.d.ts');
const hasTexts = (file) => isPage(file) || sharedTexts.includes(file);

/** Attributes and properties that hold no text, whatever stands in them. */
const hidden =
  /^(class|className|id|key|type|role|tone|href|look|d|scope|fill|stroke|style|ref|src|viewBox|transform|font|icon|context|of|aria-(live|controls|labelledby|describedby|hidden|current|expanded|sort|haspopup)|data-.*|on[A-Z].*)$/;
/** Those whose single words are texts. */
const shown =
  /^(title|label|aria-label|name|words|hint|text|question|summary|empty|caption|placeholder|head|heading|message|children|word|headline|because|detail|note|\w+(Title|Label|Caption|Hint|Words))$/;
/** Functions whose first words are not shown, and those that find words by themselves (counts). */
const notShown =
  /^(Error|RangeError|TypeError|URL|RegExp|querySelector|querySelectorAll|closest|getElementById|addEventListener|removeEventListener|createElement|getContext|setProperty|getPropertyValue|namedEntry|matchMedia|startsWith|endsWith|includes|indexOf|split|join|replace|setAttribute|getAttribute)$/;
const counts = /^(formatCount|plural|count)$/;

const letters = /\p{L}{2,}/u;
const sentence = /\p{L}[\p{L}’',.;:)!?]* +\S|\S +[(“‘]?\p{L}/u;
const capital = /^[\p{Lu}][\p{Ll}]/u;

/** Names of keys, of colours of the system and of attributes, which look like words. */
const notWords =
  /^[a-z]+ \{ [a-z-]+: |^(Arrow(Left|Right|Up|Down)|Page(Up|Down)|Home|Escape|Canvas(Text)?|GrayText|Highlight(Text)?|LinkText|auto|pixelated|system-ui, sans-serif|data-\S+)$|^<\S|[\w-]="|^(color-mix|min|max|calc)\(/;

const nameOf = (node) =>
  node && (ts.isIdentifier(node) || ts.isStringLiteral(node)) ? node.text : (node?.getText() ?? '');

/** The innermost attribute or property that a node is the value of, up to the next element or function. */
function holder(node) {
  for (let at = node; at.parent; at = at.parent) {
    const { parent } = at;
    if (ts.isJsxAttribute(parent))
      return parent.parent.parent.tagName.getText() === 'Icon' ? 'icon' : parent.name.getText();
    if (ts.isPropertyAssignment(parent) && parent.initializer === at) return nameOf(parent.name);
    if (ts.isJsxElement(parent) || ts.isJsxFragment(parent) || ts.isStatement(parent)) return undefined;
    if (ts.isCallExpression(parent) && parent.expression !== at) return undefined;
    if (ts.isArrowFunction(parent) && parent.body !== at) return undefined;
  }
  return undefined;
}

/** The name of the function that a node is an argument of, and its place there. */
function called({ parent }, node) {
  if (!parent || !(ts.isCallExpression(parent) || ts.isNewExpression(parent))) return undefined;
  const { expression } = parent;
  const name = ts.isPropertyAccessExpression(expression) ? expression.name.text : expression.getText();
  return { name, place: (parent.arguments ?? []).indexOf(node) };
}

/** Whether what a node gives is put into words: it stands in a template or between tags, itself or as a branch of a choice. */
function putIntoWords(node) {
  let at = node;
  for (;;) {
    const { parent } = at;
    if (ts.isParenthesizedExpression(parent) || (ts.isConditionalExpression(parent) && parent.condition !== at))
      at = parent;
    else if (
      ts.isBinaryExpression(parent) &&
      ['??', '||', '&&'].includes(parent.operatorToken.getText()) &&
      parent.right === at
    )
      at = parent;
    else if (ts.isTemplateSpan(parent)) return isText(parent.parent);
    else return ts.isJsxExpression(parent) && (ts.isJsxElement(parent.parent) || ts.isJsxFragment(parent.parent));
  }
}

/** Whether a node is a value of a table of words: an object in something that is called so. */
function inTableOfWords(node) {
  if (!ts.isPropertyAssignment(node.parent)) return false;
  for (let at = node.parent.parent; at; at = at.parent) {
    if (ts.isArrowFunction(at) || ts.isCallExpression(at)) return false;
    if (ts.isVariableDeclaration(at) || ts.isFunctionDeclaration(at))
      return /(Words|Names?|Labels?|Titles?)$/.test(nameOf(at.name));
  }
  return false;
}

const isLiteral = (node) =>
  ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node) || ts.isTemplateExpression(node);

/** A template as one text, its expressions in order. */
function wordsOf(node) {
  if (!ts.isTemplateExpression(node)) return { words: node.text, parts: [] };
  const words = node.head.text + node.templateSpans.map(({ literal }, i) => `{${i}}${literal.text}`).join('');
  return { words, parts: node.templateSpans.map(({ expression }) => expression) };
}

const bare = (words) => words.replace(/\{\d+\}/g, ' ');

/** Whether a literal is read by people. */
function isText(node) {
  const { words } = wordsOf(node);
  const { parent } = node;
  if (!letters.test(bare(words))) return false;
  if (ts.isPropertyAssignment(parent) && parent.name === node) return false;
  if (ts.isLiteralTypeNode(parent) || ts.isImportDeclaration(parent) || ts.isExportDeclaration(parent)) return false;
  if (ts.isTemplateLiteralTypeSpan?.(parent) || ts.isElementAccessExpression(parent) || ts.isCaseClause(parent))
    return false;
  if (ts.isBinaryExpression(parent) && /^[!=]==?$|^in$/.test(parent.operatorToken.getText())) return false;
  if (ts.isBinaryExpression(parent) && /\.(font|className|id|cursor)$/.test(parent.left.getText())) return false;
  if (notWords.test(words)) return false;
  if (
    ts.isArrayLiteralExpression(parent) &&
    ts.isPropertyAccessExpression(parent.parent) &&
    /^(includes|indexOf)$/.test(parent.parent.name.text)
  )
    return false;
  const call = called({ parent }, node);
  if (call && notShown.test(call.name)) return false;
  if (call && counts.test(call.name)) return ts.isTemplateExpression(node);
  for (let at = node; at; at = at.parent) if (ts.isThrowStatement(at)) return false;
  const name = holder(node);
  if (name !== undefined && hidden.test(name)) return false;
  if (name !== undefined && shown.test(name)) return true;
  if (name === 'names' || inTableOfWords(node)) return true;
  const apart = words.replace(/\{\d+\}/g, '0').replace(/\s+/g, ' ');
  return sentence.test(apart) || capital.test(words) || putIntoWords(node);
}

/** The text between tags as JSX reads it. */
function jsxWords(raw) {
  const lines = raw.split(/\r?\n/);
  return lines
    .map((line, i) => (i > 0 ? line.replace(/^[ \t]+/, '') : line))
    .map((line, i) => (i < lines.length - 1 ? line.replace(/[ \t]+$/, '') : line))
    .filter((line) => line !== '')
    .join(' ')
    .replace(/&nbsp;/g, '\u00a0')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&');
}

/** The children of an element as one text, where words stand beside each other or beside something else; null where there are no words. */
function mixedChildren(children) {
  let words = '';
  const parts = [];
  let said = false;
  for (const child of children) {
    if (ts.isJsxText(child)) {
      const text = jsxWords(child.text);
      said ||= letters.test(text);
      words += text;
    } else if (ts.isJsxExpression(child) && !child.expression) continue;
    else if (ts.isJsxExpression(child) && ts.isStringLiteral(child.expression) && child.expression.text.trim() === '') {
      words += child.expression.text;
    } else {
      words += `{${parts.length}}`;
      parts.push(child);
    }
  }
  return said ? { words, parts } : null;
}

const edges = (words) => /^(\s*)(.*?)(\s*)$/su.exec(words).slice(1);

/** Every text of a source file, with the nodes it is made of: calls `found` with its words, parts and node. */
function eachText(source, found) {
  const visit = (node) => {
    if (ts.isJsxElement(node) || ts.isJsxFragment(node)) {
      const mixed = mixedChildren(node.children);
      if (mixed) found({ ...mixed, node, kind: 'children' });
    } else if (isLiteral(node) && isText(node)) {
      found({ ...wordsOf(node), node, kind: 'literal' });
    } else {
      const call = ts.isCallExpression(node) ? node.expression : undefined;
      const name = call && (ts.isPropertyAccessExpression(call) ? call.name.text : call.getText());
      const [, one, many] = node.arguments ?? [];
      if (call && counts.test(name) && one && ts.isStringLiteral(one))
        found({
          words: `${one.text}|${many && ts.isStringLiteral(many) ? many.text : `${one.text}s`}`,
          parts: [],
          node,
          kind: 'count',
        });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
}

const parse = (file, code) =>
  ts.createSourceFile(
    file,
    code,
    ts.ScriptTarget.Latest,
    true,
    file.endsWith('x') ? ts.ScriptKind.TSX : ts.ScriptKind.TS,
  );

/** The texts of a file, as keys of the bundles. */
export function textsOf(file, code) {
  const out = [];
  const source = parse(file, code);
  eachText(source, ({ words, node }) => {
    out.push({ key: edges(words)[1], line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  });
  return out;
}

/** Whether a node is outside of all functions: such a table is made before the language is known, or for several. */
function saidWhenLoaded(node) {
  for (let at = node.parent; at; at = at.parent) if (ts.isFunctionLike(at)) return false;
  return true;
}

/** The code with its texts looked up, those of tables whenever they are read; line numbers stay, as nothing is added between lines. */
export function withTexts(file, code) {
  const source = parse(file, code);
  const texts = new Map();
  eachText(source, (text) => {
    if (text.kind !== 'count') texts.set(text.node, text);
  });
  if (texts.size === 0) return code;
  /** The code of a node, with the texts inside it replaced. */
  const codeOf = (node, from = node.getStart(), to = node.getEnd()) => {
    let out = '';
    let at = from;
    const into = (child) => {
      if (child.getEnd() <= from || child.getStart() >= to) return;
      const text = texts.get(child);
      if (text === undefined) return void ts.forEachChild(child, into);
      const [start, end, replaced] = replacement(child, text);
      out += code.slice(at, start) + replaced;
      at = end;
    };
    ts.forEachChild(node, into);
    return out + code.slice(at, to);
  };
  const own = (node) => {
    const text = texts.get(node);
    if (text === undefined) return codeOf(node);
    const [start, end, replaced] = replacement(node, text);
    return code.slice(node.getStart(), start) + replaced + code.slice(end, node.getEnd());
  };
  const replacement = (node, { words, parts, kind }) => {
    const [before, key, after] = edges(words);
    const quoted = JSON.stringify(key);
    if (kind === 'children') {
      const open = node.openingElement ?? node.openingFragment;
      const close = node.closingElement ?? node.closingFragment;
      const values = parts.map((part) => (ts.isJsxExpression(part) ? own(part.expression) : own(part)));
      const call =
        parts.length === 0 ? `interfaceText(${quoted})` : `interfaceParts(${[quoted, ...values].join(', ')})`;
      const space = (text) => (text === '' ? '' : `{${JSON.stringify(text)}}`);
      return [
        node.getStart(),
        node.getEnd(),
        `${codeOf(open)}${space(before)}{${call}}${space(after)}${code.slice(close.getStart(), close.getEnd())}`,
      ];
    }
    const call = `interfaceText(${[quoted, ...parts.map(own)].join(', ')})`;
    const joined = before + after === '' ? call : `(${JSON.stringify(before)} + ${call} + ${JSON.stringify(after)})`;
    const { parent } = node;
    if (ts.isPropertyAssignment(parent) && saidWhenLoaded(node))
      return [parent.getStart(), parent.getEnd(), `get ${parent.name.getText()}() { return ${joined}; }`];
    return [node.getStart(), node.getEnd(), ts.isJsxAttribute(node.parent) ? `{${joined}}` : joined];
  };
  const depth = path
    .dirname(file)
    .split('/')
    .map(() => '..')
    .join('/');
  const head = `import { text as interfaceText, parts as interfaceParts } from '${depth}/src/shared/texts.ts'; `;
  return head + codeOf(source, 0, code.length);
}

/** For esbuild: pages with their texts looked up. */
export const textsPlugin = (root) => ({
  name: 'texts',
  setup(build) {
    build.onLoad({ filter: /\.tsx?$/ }, ({ path: full }) => {
      const file = path.relative(root, full).split(path.sep).join('/');
      if (!hasTexts(file)) return undefined;
      return { contents: withTexts(file, readFileSync(full, 'utf8')), loader: file.endsWith('x') ? 'tsx' : 'ts' };
    });
  },
});

/** All literals below a node. */
function literalsIn(node) {
  const out = [];
  const visit = (one) => {
    if (isLiteral(one)) out.push(one);
    ts.forEachChild(one, visit);
  };
  visit(node);
  return out;
}

function filesBelow(root, folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? filesBelow(root, `${folder}/${entry.name}`) : [`${folder}/${entry.name}`],
  );
}

/** Templates of the sentences of records, as src/shared/recordSentences.ts lists them. */
function sentencesOf(root, file) {
  const out = [];
  const visit = (node) => {
    if (ts.isArrayLiteralExpression(node)) for (const one of node.elements) out.push(one.text);
    ts.forEachChild(node, visit);
  };
  visit(parse(file, readFileSync(path.join(root, file), 'utf8')));
  return out.map((text) => [text, file]);
}

/** Files whose notes and warnings go into records. */
const writesNotes =
  /^src\/session\/(stages\/\w+|structureRecord)\.ts$|^src\/core\/data\/(columnWords|chooseRows|chooseColumns|prepareData|encode|whitenInputs|leakage|reader)\.ts$|^src\/core\/certify\/global\/globalBound\.ts$/;

/** What an expression may say: literals as they are, choices by all of their branches, everything else as a number. */
function samplesOf(node, named = new Map()) {
  const samples = (one) => samplesOf(one, named);
  const product = (parts) => parts.reduce((all, part) => all.flatMap((head) => part.map((tail) => head + tail)), ['']);
  if (ts.isParenthesizedExpression(node)) return samples(node.expression);
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return [node.text];
  if (ts.isConditionalExpression(node)) return [...samples(node.whenTrue), ...samples(node.whenFalse)];
  if (ts.isBinaryExpression(node) && node.operatorToken.getText() === '+')
    return product([samples(node.left), samples(node.right)]);
  if (ts.isTemplateExpression(node))
    return product([
      [node.head.text],
      ...node.templateSpans.flatMap((span) => [samples(span.expression), [span.literal.text]]),
    ]);
  if (ts.isIdentifier(node) && named.has(node.text)) return samplesOf(named.get(node.text));
  return ['7'];
}

/** Samples of every note and warning that core and session write into records, with their places. */
export function recordSamples(root) {
  const out = new Map();
  for (const file of [...filesBelow(root, 'src/session'), ...filesBelow(root, 'src/core')].filter((name) =>
    writesNotes.test(name),
  )) {
    const source = parse(file, readFileSync(path.join(root, file), 'utf8'));
    const said = (node, around = (words) => words) => {
      for (const sample of samplesOf(node)) {
        const place = `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
        if (/\p{L}{3,} /u.test(sample)) out.set(around(sample), place);
      }
    };
    const visit = (node) => {
      if (ts.isCallExpression(node)) {
        const name = node.expression.getText();
        if (/\b(warnings|notes|out)\.push$/.test(name)) node.arguments.forEach((one) => said(one));
        if (name === 'cutShort') said(node.arguments[0], (what) => `${what} was cut short by Stop: 7.`);
      }
      if (ts.isReturnStatement(node) && node.expression) {
        let at = node.parent;
        while (at && !ts.isFunctionDeclaration(at)) at = at.parent;
        if (/Reason$|^reasonFor$|Notes$/.test(at?.name?.text ?? '')) {
          const { expression } = node;
          if (ts.isArrayLiteralExpression(expression)) expression.elements.forEach((one) => said(one));
          else said(expression);
        }
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return out;
}

/** Errors that the editor shows, with the argument that is the sentence; other classes are of the program. */
const errorClasses = {
  DataError: 1,
  LabRefusal: 0,
  NetworkError: 0,
  ProblemError: 0,
  RunFileError: 0,
  StudyError: 0,
  StudyFolderError: 0,
  UsageError: 0,
  YamlError: 0,
};
/** What the study command, which the editor starts, says besides. */
const saysOfStudies = /^(options|shown|this|this\.job|job)\.(say|giveUp)$/;
/** Files of networks that only the command line reads, the cluster that only it is given options for, and one whose counts a test of its own puts together. */
const ofCommandLine =
  /^src\/(core\/(network\/formats\/(deepJson|readNetwork|readOnnx|safetensors)|engine\/solution\/memoryBudget)|cli\/study\/slurm(Tools)?)\.ts$/;
/** Where people meet the command line in the editor. */
const usedByEditor =
  /^src\/(core|session|store|study|worker|platform|cli\/study)\/|^src\/cli\/inputs\.ts$|^src\/shared\/(lesson|tableSchema|runSchema|settingKinds)\.ts$/;

/** Samples of every message of an error that the editor shows, with their places; names stand for what they were declared as. */
export function errorSamples(root) {
  const out = new Map();
  for (const file of filesBelow(root, 'src')) {
    if (!usedByEditor.test(file) || ofCommandLine.test(file)) continue;
    const source = parse(file, readFileSync(path.join(root, file), 'utf8'));
    const place = (node) => `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
    const declared = new Map();
    const said = (node) => {
      const at = ts.isIdentifier(node) ? declared.get(node.text) : node;
      if (at === undefined) return;
      for (const sample of samplesOf(at, declared)) if (/\p{L}{3,} /u.test(sample)) out.set(sample, place(node));
    };
    const visit = (node) => {
      if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer)
        declared.set(node.name.text, node.initializer);
      if (ts.isNewExpression(node)) {
        const at = errorClasses[node.expression.getText()];
        if (at !== undefined && node.arguments[at] !== undefined) said(node.arguments[at]);
      }
      if (ts.isCallExpression(node) && node.expression.getText() === 'wrong') said(node.arguments[1]);
      if (ts.isCallExpression(node) && /^src\/cli\/study\//.test(file) && saysOfStudies.test(node.expression.getText()))
        said(node.arguments[0]);
      if (ts.isReturnStatement(node) && node.expression && file.endsWith('base/schemaWords.ts')) said(node.expression);
      // words that a schema has for what does not fit
      if (ts.isCallExpression(node) && /^v\.(?!description)\w+$/.test(node.expression.getText()))
        for (const argument of node.arguments) {
          const words = ts.isArrowFunction(argument) ? argument.body : argument;
          if (isLiteral(words)) said(words);
        }
      if (ts.isPropertyAssignment(node) && node.name.getText() === 'what' && /\/data\//.test(file))
        said(node.initializer);
      if (ts.isPropertyAssignment(node) && node.name.getText() === 'reason' && file.endsWith('runSchema.ts'))
        said(node.initializer);
      if (ts.isPropertyAssignment(node) && file.endsWith('base/fileErrors.ts')) said(node.initializer);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return out;
}

/** Words of records, which stay English there and are looked up where they are shown. */
const recordWords = () => JSON.parse(readFileSync(new URL('recordWords.json', import.meta.url), 'utf8'));

/** Every text of the pages, with the first place it stands in. */
export function pageTexts(root) {
  const out = new Map([
    ...recordWords().map((word) => [word, 'src/build/recordWords.json']),
    ...sentencesOf(root, 'src/shared/recordSentences.ts'),
    ...sentencesOf(root, 'src/shared/errorSentences.ts'),
    ...sentencesOf(root, 'src/shared/fileSentences.ts'),
  ]);
  for (const file of [...filesBelow(root, 'webview'), ...sharedTexts].filter(hasTexts).sort())
    for (const { key, line } of textsOf(file, readFileSync(path.join(root, file), 'utf8')))
      if (!out.has(key)) out.set(key, `${file}:${line}`);
  return out;
}

/** What `vscode.l10n.t` is called with in the host, and the texts of the host that do not go through it, with their places. */
export function hostTexts(root) {
  const texts = new Set();
  const bare = [];
  const sides = filesBelow(root, 'src/platform').filter((file) => file.endsWith('Host.ts'));
  for (const file of [...filesBelow(root, 'src/host'), ...sides]) {
    const source = parse(file, readFileSync(path.join(root, file), 'utf8'));
    const inside = (node) => {
      for (let at = node; at.parent && !ts.isStatement(at); at = at.parent)
        if (
          ts.isCallExpression(at.parent) &&
          /^vscode\.l10n\.t$|\blog\b.*\.(info|warn|error|debug)$/.test(at.parent.expression.getText())
        )
          return true;
      return false;
    };
    eachText(source, ({ words, node }) => {
      if (!inside(node))
        bare.push({ text: words, place: `${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}` });
    });
    const visit = (node) => {
      // errors are shown, too: whole sentences in them are looked up
      if (ts.isNewExpression(node) && /(Error|TaskFailure|WorkerGone)$/.test(node.expression.getText()))
        for (const literal of literalsIn(node))
          if (/\p{L}{2,} \p{L}/u.test(wordsOf(literal).words) && !inside(literal))
            bare.push({
              text: wordsOf(literal).words,
              place: `${file}:${source.getLineAndCharacterOfPosition(literal.getStart()).line + 1}`,
            });
      if (ts.isCallExpression(node) && node.expression.getText() === 'vscode.l10n.t' && isLiteral(node.arguments[0]))
        texts.add(wordsOf(node.arguments[0]).words);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return { texts: [...texts], bare };
}
