# The tour without an installation:
#   docker build -t amlwidgets .
#   docker run --rm -p 127.0.0.1:8888:8888 amlwidgets     # open the address that it prints
# Any Debian with a python3 of 3.11 that has venv does as BASE.
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
RUN useradd --create-home tour && mkdir /opt/tour && chown tour /opt/tour
USER tour
WORKDIR /home/tour/amlwidgets
ENV PATH=/opt/tour/bin:$PATH HOME=/home/tour
COPY --chown=tour . .
RUN python3 -m venv /opt/tour && binder/postBuild
EXPOSE 8888
ENTRYPOINT ["binder/start"]
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]
