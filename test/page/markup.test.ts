import { expect, test } from 'vitest';
import { html, jsonForScript } from '../../src/page/markup.ts';

test('whatever a template is given is text', () => {
  const name = `</script><img src=x onerror="alert('1')">&amp;`;
  expect(html`<b title="${name}">${[name, null, 1, html`<i>${'<'}</i>`]}</b>`.text).toBe(
    '<b title="&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;">' +
      '&lt;/script&gt;&lt;img src=x onerror=&quot;alert(&#39;1&#39;)&quot;&gt;&amp;amp;1<i>&lt;</i></b>',
  );
});

test('what can not be seen is made visible', () => {
  expect(html`${'a\0b\u202ec\ud800'}`.text).toBe('a\\u0000b\\u202ec\ufffd');
  // Each of these would make a second "admin" of the name.
  for (const [character, shown] of [
    ['\u00ad', '\\u00ad'],
    ['\u200b', '\\u200b'],
    ['\u2060', '\\u2060'],
    ['\u3164', '\\u3164'],
    ['\ufeff', '\\ufeff'],
    ['\u034f', '\\u034f'],
    ['\u2063', '\\u2063'],
    ['\ufff9', '\\ufff9'],
    ['\u{e0041}', '\\udb40\\udc41'],
  ]) {
    expect(html`${`adm${character}in`}`.text).toBe(`adm${shown}in`);
  }
  expect(html`${'👩‍👧 ❤️ می‌خواهم'}`.text).toBe('👩‍👧 ❤️ می‌خواهم');
});

test('JSON in a script ends no element, and reads back', () => {
  const value = { name: '</script><!--', list: ['a\u202eb'] };
  const json = jsonForScript(value);
  expect(json).not.toContain('<');
  expect(JSON.parse(json)).toEqual({ name: '</script><!--', list: ['a\\u202eb'] });
});
