<<<<<<<< HEAD:dashboard/dist/assets/TextInput-p8aim4QC.js
import{f as e,g as t,o as n}from"./Loader-CHAdApsb.js";import{t as r}from"./InputBase-qDhoDcis.js";var i=t(),a=n(t=>{let n=e([`Input`,`InputWrapper`,`TextInput`],null,t);return(0,i.jsx)(r,{component:`input`,...n,__staticSelector:`TextInput`})});a.classes=r.classes,a.displayName=`@mantine/core/TextInput`;export{a as t};
========
import{f as e,g as t,o as n}from"./Loader-CHAdApsb.js";import{t as r}from"./InputBase-DdrUmYPa.js";var i=t(),a=n(t=>{let n=e([`Input`,`InputWrapper`,`TextInput`],null,t);return(0,i.jsx)(r,{component:`input`,...n,__staticSelector:`TextInput`})});a.classes=r.classes,a.displayName=`@mantine/core/TextInput`;export{a as t};
>>>>>>>> cc06c8e (Dashboard: fifty hostile texts in every free field; notes of rollouts and firmware are shown; an address with an encoded MAC finds its board):dashboard/dist/assets/TextInput-Nl9gk0Xs.js
