// Rules of this project, as a plugin of the linter; oxlint.config.mjs says where they hold.

/** A rule that refuses what one of the selectors finds. */
const refusing = (message, ...selectors) => ({
  create: (context) =>
    Object.fromEntries(selectors.map((selector) => [selector, (node) => context.report({ node, message })])),
});

/**
 * The parts of `vscode.window` that show no text of ours. All others show text, which may come from data: they are called in
 * src/host/ui.ts alone, where every text is made plain (docs/safety.md).
 */
const showsNoText =
  'tabGroups|activeTextEditor|visibleTextEditors|showTextDocument|registerTreeDataProvider|registerWebviewPanelSerializer|on[A-Z]\\w*';

export default {
  meta: { name: 'convexnet' },
  rules: {
    'named-exports': refusing('Name what you export.', 'ExportDefaultDeclaration'),
    'shown-text': refusing(
      'Text is shown through src/host/ui.ts, which makes it plain: it may come from data.',
      `MemberExpression[object.object.name='vscode'][object.property.name='window'][property.name!=/^(${showsNoText})$/]`,
      "MemberExpression[object.name='vscode'][property.name='window']:not(MemberExpression > MemberExpression)",
      "MemberExpression[object.object.name='vscode'][object.property.name='window'][computed=true]",
      "MemberExpression[object.name='vscode'][computed=true]",
      "VariableDeclarator[init.name='vscode']",
      'NewExpression[callee.property.name=/^(MarkdownString|TreeItem|Hover|Diagnostic)$/]',
      'AssignmentExpression[left.property.name=/^(title|placeholder|prompt|validationMessage|tooltip|text|label|description|detail)$/]',
      "ImportDeclaration[source.value='vscode'][importKind!='type'] > ImportSpecifier",
    ),
  },
};
