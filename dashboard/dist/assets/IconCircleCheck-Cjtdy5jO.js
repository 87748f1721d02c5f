<<<<<<<< HEAD:dashboard/dist/assets/IconCircleCheck-Cjtdy5jO.js
import{C as e}from"./index-DfOfwA1W.js";var t=e(`outline`,`circle-check`,`CircleCheck`,[[`path`,{d:`M3 12a9 9 0 1 0 18 0a9 9 0 1 0 -18 0`,key:`svg-0`}],[`path`,{d:`M9 12l2 2l4 -4`,key:`svg-1`}]]);export{t};
========
import{D as e}from"./index-BRhL5Sd0.js";var t=e(`outline`,`circle-check`,`CircleCheck`,[[`path`,{d:`M3 12a9 9 0 1 0 18 0a9 9 0 1 0 -18 0`,key:`svg-0`}],[`path`,{d:`M9 12l2 2l4 -4`,key:`svg-1`}]]);export{t};
>>>>>>>> cc06c8e (Dashboard: fifty hostile texts in every free field; notes of rollouts and firmware are shown; an address with an encoded MAC finds its board):dashboard/dist/assets/IconCircleCheck-D6qRYOBD.js
