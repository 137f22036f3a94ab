import type { Page } from 'playwright-core';

/**
 * What is wrong with where things are on a page: texts that run into each other, boxes that leave the page or their card, as sentences.
 * What scrolls on its own, floats over the page on purpose or is only for screen readers is not looked at.
 */
export async function layoutFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const faults: string[] = [];
    const wide = document.documentElement.scrollWidth - window.innerWidth;
    if (wide > 0) faults.push(`the page is ${wide} px too wide`);
    const aside = '.visually-hidden, .tip, .menu-list, .table-scroll, .tabs, [role=status], .term-card';
    const words = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 40);
    const boxes: { readonly rect: DOMRect; readonly node: Text }[] = [];
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const parent = node.parentElement;
      if (!parent || (node.textContent ?? '').trim() === '' || parent.closest(aside)) continue;
      if (parent.closest('.header')) continue; // sticky: over the page on purpose
      if (!parent.checkVisibility({ visibilityProperty: true })) continue;
      range.selectNodeContents(node);
      const clip = parent.closest('.bar-name, .field-label')?.getBoundingClientRect();
      for (const line of range.getClientRects()) {
        // lines that are cut off are not seen
        if (clip !== undefined && line.top > clip.bottom - 3) continue;
        if (line.width > 1 && line.height > 1) boxes.push({ rect: line, node: node as Text });
      }
    }
    boxes.sort((a, b) => a.rect.top - b.rect.top);
    boxes.forEach(({ rect, node }, i) => {
      if (rect.right > window.innerWidth + 1) faults.push(`“${words(node.data)}” leaves the page`);
      for (let j = i + 1; j < boxes.length && boxes[j].rect.top < rect.bottom - 3; j++) {
        const other = boxes[j];
        if (other.node === node) continue;
        const x = Math.min(rect.right, other.rect.right) - Math.max(rect.left, other.rect.left);
        const y = Math.min(rect.bottom, other.rect.bottom) - Math.max(rect.top, other.rect.top);
        if (x > 2 && y > 3) faults.push(`“${words(node.data)}” and “${words(other.node.data)}” overlap`);
      }
    });
    for (const card of document.querySelectorAll('.card, .verdict, .tile')) {
      if (card.scrollWidth > card.clientWidth + 1)
        faults.push(`a card (“${words(card.textContent ?? '')}”) is too narrow for its content`);
    }
    return [...new Set(faults)];
  });
}
