import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WaybillError } from "../errors.ts";
import { decodeAny } from "./decode.ts";
import { parseTemplate } from "./template.ts";
import { boxed, goStruct, goString, intType, stringType, struct, zeroOf } from "./type.ts";

const dot = decodeAny({
  name: "app",
  count: 3,
  big: 1234567,
  none: null,
  list: ["a", "b", "c"],
  map: { b: 1, a: "x", "10": true },
  deep: [{ id: "1" }, { id: "2" }],
});

function render(template: string): string {
  return parseTemplate(template).execute(dot);
}

describe("a template", () => {
  // What buildx prints for many more is in test/fixtures/inspect.
  test.each([
    ["{{.name}}", "app"],
    [
      "{{.map}} {{.list}} {{.none}} {{.nope}} {{.nope.deeper}}",
      "map[10:true a:x b:1] [a b c] <no value> <no value> <no value>",
    ],
    ["{{range $k, $v := .map}}{{$k}}={{$v}};{{end}}", "10=true;a=x;b=1;"],
    ["{{range $i, $e := .list}}{{if eq $i 1}}{{continue}}{{end}}{{$i}}{{$e}}{{end}}", "0a2c"],
    ['{{range .list}}{{.}}{{if eq . "b"}}{{break}}{{end}}{{else}}none{{end}}', "ab"],
    ["{{range .none}}x{{else}}none{{end}}", "none"],
    ["{{range .deep}}{{.id}}{{$.name}}{{end}}", "1app2app"],
    ["{{if .none}}a{{else if .name}}b{{else}}c{{end}}", "b"],
    ["{{with .nope}}a{{else with .name}}{{.}}{{else}}c{{end}}", "app"],
    ["{{$x := 1}}{{range .list}}{{$x = .}}{{end}}{{$x}}", "c"],
    ["{{range $.list}}{{$y := .}}{{$y}}{{end}}", "abc"],
    ["a {{- .name -}} b{{- /* c */ -}} c", "aappbc"],
    ["{{`raw\\n`}}{{\"q\\t\\u00e9\\x41\"}}{{'a'}}", "raw\\nq\téA97"],
    ['{{index .map "a"}}{{index .list 2}}{{(index .deep 1).id}}{{index .map "zz"}}', "xc2<no value>"],
    ['{{.name | printf "%s-%q-%5d|" "x" | len}}', "21"],
    ['{{printf "%-6s|%6s|%06d|%x|%t|%v|%%" "é" "ab" 42 "hi" true .list}}', "é     |    ab|000042|6869|true|[a b c]|%"],
    [
      '{{printf "%#v|%+#v|%#.3v|%#8v|%#v|%#v|%#v" .name "a`é" "abcdef" "x" 5 true nil}}',
      '"app"|"a`é"|"abc"|     "x"|5|true|<nil>',
    ],
    [
      '{{printf "%d %s" "a"}}{{printf "x" 1 nil}}{{printf "%z" 1}}',
      "%!d(string=a) %!s(MISSING)x%!(EXTRA int=1, <nil>)%!z(int=1)",
    ],
    [
      '{{.big}} {{printf "%.2f|%g|%e" 3.14159 1e21 .big}} {{json .big}}',
      "1.234567e+06 3.14|1e+21|1.234567e+06 1234567",
    ],
    ['{{and 1 0 .nope.x}}{{or 0 "x"}}{{not 1}}{{and true .name}}', "0xfalseapp"],
    ['{{eq 1 2 1}}{{ne "a" "b"}}{{lt 1 2}}{{le 2 2}}{{gt 1 2}}{{ge 2 2}}', "truetruetruetruefalsetrue"],
    ['{{slice .name 1}}{{slice .list 0 1}}{{slice "abc" 1 2}}', "pp[a]b"],
    ['{{print 1 2 "a" 3 nil}}{{println "a" 1}}', "1 2a3 <nil>a 1\n"],
    ['{{html "<a&\'>"}} {{urlquery "a b&c"}} {{js "\'<"}}', "&lt;a&amp;&#39;&gt; a+b%26c \\'\\u003C"],
    ["{{json .map}}", '{\n  "10": true,\n  "a": "x",\n  "b": 1\n}'],
    ["{{range 3}}{{.}}{{end}}", "012"],
    ["{{.map.a.b}}", undefined],
  ])("%s", (template, result) => {
    if (result === undefined) expect(() => render(template)).toThrow(WaybillError);
    else expect(render(template)).toBe(result);
  });

  test.each([
    ["{{.name", "template: :1: unclosed action"],
    ["\n\n{{\n.name", "template: :4: unclosed action started at :3"],
    ["{{nope}}", 'template: :1: function "nope" not defined'],
    ["{{$x}}", 'template: :1: undefined variable "$x"'],
    ["{{if .name}}x", "template: :1: unexpected EOF"],
    ["{{end}}", "template: :1: unexpected {{end}}"],
    ["{{}}", "template: :1: missing value for command"],
    ["{{(1}}", "template: :1: unclosed left paren"],
    ['{{"x}}', "template: :1: unterminated quoted string"],
    ["{{break}}", "template: :1: {{break}} outside {{range}}"],
    [
      '{{define "x"}}{{end}}',
      "template: :1: {{define}} is not supported: a format is one template without named parts",
    ],
    ["{{.name.x}}", 'template: :1:7: executing "" at <.name.x>: can\'t evaluate field x in type interface {}'],
    ["a\nb{{.name.x}}", 'template: :2:8: executing "" at <.name.x>: can\'t evaluate field x in type interface {}'],
    [
      "{{index .list 9}}",
      'template: :1:2: executing "" at <index .list 9>: error calling index: index out of range: 9',
    ],
    [
      '{{printf "%#v" .list}}',
      'template: :1:2: executing "" at <printf "%#v" .list>: error calling printf: %#v is not supported for this value: only texts, numbers and booleans have such a form here',
    ],
    ["{{len 3}}", 'template: :1:2: executing "" at <len 3>: error calling len: len of type int'],
    ["{{json 1 2}}", 'template: :1:2: executing "" at <json>: wrong number of args for json: want 1 got 2'],
    [
      '{{eq 1 "a"}}',
      'template: :1:2: executing "" at <eq 1 "a">: error calling eq: incompatible types for comparison: int and string',
    ],
    ["{{range true}}{{end}}", 'template: :1:8: executing "" at <true>: range can\'t iterate over true'],
  ])("%s fails as in Go", (template, message) => {
    expect(() => render(template)).toThrow(expect.objectContaining({ code: "invalid_template", message }));
  });

  test("tells a struct's fields from its JSON names", () => {
    const inner = struct("x.Inner", [{ name: "OS", json: "os", type: stringType }]);
    const type = struct("x.Outer", [
      { name: "Name", json: "name", omitEmpty: true, type: stringType },
      { name: "Inner", embedded: true, type: inner },
      { name: "Size", json: "size", type: intType },
    ]);
    const value = goStruct(type, { Inner: goStruct(inner, { OS: goString("linux") }) });
    const run = (template: string) => parseTemplate(template).execute(value);
    expect(run('{{.OS}} {{.Inner.OS}} {{.}} {{printf "%+v" .}}')).toBe(
      "linux linux { {linux} 0} {Name: Inner:{OS:linux} Size:0}",
    );
    expect(run("{{json .}}")).toBe('{\n  "os": "linux",\n  "size": 0\n}');
    expect(() => run("{{.size}}")).toThrow("can't evaluate field size in type x.Outer");
  });

  test("passes on what a lazy field throws, and only when it is reached", () => {
    const type = struct("x.Lazy", [{ name: "Field", type: stringType }]);
    const value = goStruct(type, {
      Field: () => {
        throw new SyntaxError("not yet");
      },
    });
    expect(parseTemplate("{{if false}}{{.Field}}{{end}}ok").execute(value)).toBe("ok");
    expect(() => parseTemplate("{{.Field}}").execute(value)).toThrow(SyntaxError);
  });
});

describe("limits", () => {
  const code = "invalid_template";

  test("hold for length and depth of a template", () => {
    expect(() => parseTemplate("x".repeat(65_537))).toThrow(expect.objectContaining({ code }));
    expect(() => parseTemplate("{{" + "(".repeat(60_000))).toThrow(expect.objectContaining({ code }));
    expect(() => parseTemplate("{{if 1}}".repeat(5_000))).toThrow(expect.objectContaining({ code }));
  });

  test("hold for what a template makes", () => {
    const doubling = '{{$x := "0123456789abcdef"}}{{range 40}}{{$x = print $x $x}}{{end}}{{len $x}}';
    expect(() => render(doubling)).toThrow(expect.objectContaining({ code }));
    expect(() => render('{{range 100}}{{printf "%999999d" 1}}{{end}}')).toThrow(expect.objectContaining({ code }));
    const escaping = `{{$x := "\\""}}{{range 40}}{{$x = json $x}}{{end}}`;
    const thrownAway = `{{$x := printf "%99999d" 1}}{{range 900}}{{$y := json $x}}{{end}}`;
    for (const uncounted of [escaping, thrownAway]) {
      expect(() => render(uncounted)).toThrow(
        expect.objectContaining({ code, message: expect.stringContaining("67108864 characters") }),
      );
    }
    expect(() => render("{{range 9999999}}{{range 9999999}}{{end}}{{end}}")).toThrow(expect.objectContaining({ code }));
  });

  test("reading takes no longer than linear time in nasty input", () => {
    for (const part of ["{{/**/}}", "{{-", " ", "{{`", '{{"\\"', "{{1_", "}}", "{{$x:=1}}", "{{.a.", "{{1|"]) {
      const started = performance.now();
      try {
        parseTemplate(part.repeat(Math.floor(65_000 / part.length)));
      } catch (error) {
        expect(error).toBeInstanceOf(WaybillError);
      }
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });
});

describe("any input", () => {
  const word = fc.constantFrom(
    "{{",
    "}}",
    "{{-",
    " -}}",
    " ",
    ".",
    ".name",
    ".list",
    ".map",
    ".deep",
    ".nope",
    "$",
    "$x",
    ":=",
    "=",
    ",",
    "|",
    "(",
    ")",
    "if",
    "else",
    "end",
    "range",
    "with",
    "break",
    "continue",
    "define",
    "nil",
    "true",
    "1",
    "-1",
    "0",
    "1.5",
    '"a"',
    "`b`",
    "'c'",
    "\n",
    "printf",
    '"%d %s %*v %[2]q %#x %+v"',
    "print",
    "json",
    "index",
    "slice",
    "len",
    "eq",
    "lt",
    "and",
    "or",
    "not",
    "html",
    "js",
    "urlquery",
    "/*",
    "*/",
  );
  const action = fc.array(word, { maxLength: 8 }).map((words) => `{{${words.join(" ")}}}`);
  const template = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.array(word, { maxLength: 40 }).map((words) => words.join("")),
    fc.array(action, { maxLength: 4 }).map((actions) => actions.join("x")),
    fc
      .array(fc.oneof(action, fc.constantFrom("{{range .list}}", "{{if .name}}", "{{end}}", "{{else}}")), {
        maxLength: 8,
      })
      .map((parts) => parts.join("")),
  );

  test("gives text or invalid_template, and nothing else", () => {
    fc.assert(
      fc.property(template, fc.jsonValue({ maxDepth: 3 }), (input, json) => {
        for (const value of [dot, decodeAny(json), boxed(zeroOf(intType))]) {
          try {
            expect(typeof parseTemplate(input).execute(value)).toBe("string");
          } catch (error) {
            expect(error).toMatchObject({ name: "WaybillError", code: "invalid_template" });
          }
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
