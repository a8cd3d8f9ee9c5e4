"""What stands in front of a document in LaTeX: its class, its page, the commands that it uses."""

from __future__ import annotations

_CLASS = r"""% !TeX program = xelatex
\documentclass[{options}]{{{style}}}
\usepackage{{amsmath,amssymb,array,graphicx,iftex}}
\usepackage[a4paper,hmargin=20mm,top=20mm,bottom=22mm]{{geometry}}
\ifPDFTeX
  \usepackage[utf8]{{inputenc}}
  \usepackage[T1]{{fontenc}}
\fi
"""
# English headings and paragraphs without large gaps; those of ctex are set by its own command.
_ENGLISH = r"""\makeatletter
\renewcommand\section{\@startsection{section}{1}{0pt}{2ex plus 1ex}{.8ex}{\large\bfseries}}
\renewcommand\subsection{\@startsection{subsection}{2}{0pt}{1.4ex plus .6ex}{.5ex}{\bfseries}}
\makeatother
\setlength{\parindent}{0pt}
\setlength{\parskip}{.6ex plus .3ex}
"""
_CHINESE = r"""\ctexset{
  section = {format = \large\bfseries\raggedright,
    beforeskip = 2ex plus 1ex, afterskip = 1ex},
  subsection = {format = \normalsize\bfseries\raggedright,
    beforeskip = 1.4ex plus .6ex, afterskip = .6ex},
}
"""
_PAGE = r"""\allowdisplaybreaks
\pagestyle{plain}
\raggedbottom
\sloppy
\hbadness=10000
\setlength{\emergencystretch}{4em}
\setlength{\mathindent}{1.5em}
\setlength{\tabcolsep}{4pt}
\setlength{\arraycolsep}{4pt}
\setlength{\jot}{2pt}
\renewcommand{\arraystretch}{.93}
\postdisplaypenalty=5000
\setcounter{MaxMatrixCols}{99}
\AtBeginDocument{%
  \abovedisplayskip=4pt plus 2pt minus 2pt \belowdisplayskip=\abovedisplayskip
  \abovedisplayshortskip=2pt plus 1pt \belowdisplayshortskip=\abovedisplayskip}
"""
# Commands by name, for those that a document uses.
_COMMANDS = {
    r"\begin{alltt}": r"""\usepackage{alltt}
""",
    r"\begin{longtable}": r"""\usepackage{longtable}
""",
    r"\begin{tikzpicture}": r"""\usepackage{tikz}
\usetikzlibrary{arrows.meta}
""",
    r"\begin{remarks}": r"""% What is said about a line, below it.
\newenvironment{remarks}{\begin{list}{\textbullet}{\topsep=1pt \partopsep=0pt \itemsep=0pt
  \parsep=0pt \leftmargin=3em \labelsep=.5em}\small}{\end{list}}
""",
    r"\statement{": r"""% Statements that were checked: up to four on a line where they are short.
\newcommand{\statement}[1]{\ifvmode\noindent\fi \sbox0{#1}%
  \ifdim\wd0<.235\linewidth \makebox[.249\linewidth][l]{\usebox0}\hfil\allowbreak\hfilneg
  \else\ifdim\wd0<.32\linewidth \makebox[.333\linewidth][l]{\usebox0}\hfil\allowbreak\hfilneg
  \else\ifdim\wd0<.485\linewidth \makebox[.499\linewidth][l]{\usebox0}\hfil\allowbreak\hfilneg
  \else \par\hangindent=1.4em \hangafter=1 \noindent #1\par\fi\fi\fi}
""",
    r"\fitted": r"""% A formula that cannot be broken, made as small as its line asks for.
\newcommand{\fitted}[2][.85\linewidth]{\sbox0{$\displaystyle #2$}%
  \ifdim\wd0>\dimexpr#1\relax \resizebox{#1}{!}{\usebox0}\else\usebox0\fi}
""",
    r"\drawing{": r"""% A picture, made as small as the page asks for.
\newcommand{\drawing}[1]{\par\nopagebreak\smallskip\noindent\sbox0{#1}%
  \ifdim\wd0>\linewidth \resizebox{\linewidth}{!}{\usebox0}\else\usebox0\fi\par\smallskip}
""",
    r"\rare{": r"""% A character by number, from the first font that has it; else its substitute.
\makeatletter
\newcommand{\rarefonts}{FandolSong-Regular.otf,latinmodern-math.otf,HaranoAjiMincho-Regular.otf,%
  DejaVu Sans,Noto Serif CJK SC,Songti SC,SimSun,Segoe UI Symbol,Apple Symbols}
\ifPDFTeX
  \newcommand{\rare}[2]{#2\allowbreak}
\else
  \usepackage{fontspec}
  \newcommand{\rare@set}[1]{\ifdefined\ltjalchar \ltjalchar"#1 \else \char"#1 \fi}
  % Whether there is such a font is looked up once.
  \newcommand{\rare@known}[1]{\ifcsname rare@#1\endcsname\else
    \IfFontExistsTF{#1}{\global\@namedef{rare@#1}{1}}{\global\@namedef{rare@#1}{0}}\fi}
  \newcommand{\rare}[2]{{\ifdefined\XeTeXinterchartokenstate \XeTeXinterchartokenstate=0 \fi
    \iffontchar\font"#1 \rare@set{#1}\else
      \let\rare@font\relax
      \@for\rare@name:=\rarefonts\do{\ifx\rare@font\relax
        \rare@known{\rare@name}\if1\csname rare@\rare@name\endcsname
          {\fontspec{\rare@name}\iffontchar\font"#1 \global\let\rare@font\rare@name\fi}\fi\fi}%
      \ifx\rare@font\relax #2\else \fontspec{\rare@font}\rare@set{#1}\fi
    \fi}\allowbreak}
\fi
\makeatother
""",
}


def preamble(title: str, body: str, language: str, chinese: bool) -> str:
    """Return all that stands before the text, the title included.

    `chinese`: there are Chinese characters in the text, also in an English one.
    """
    options, style = (
        ("fleqn", "article") if not chinese else ("fleqn,fontset=fandol,linespread=1.15", "ctexart")
    )
    if chinese and language == "en":
        options += ",scheme=plain"
    commands = [text for name, text in _COMMANDS.items() if name in title + body]
    parts = [
        _CLASS.format(options=options, style=style),
        _ENGLISH if language == "en" else _CHINESE,
        _PAGE,
        *commands,
        "\\begin{document}\n",
        f"\\begin{{center}}\\Large\\bfseries {title}\\end{{center}}\n",
    ]
    return "".join(parts)
